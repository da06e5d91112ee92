import { describe, expect, it } from 'vitest';
import { createTriggerForTable } from '../../src/capture/triggers.ts';
import { installationState } from '../../src/db/installation.ts';
import type { MigrationTarget } from '../../src/db/migration-steps.ts';
import { plannedSql } from '../../src/db/planned-sql.ts';
import { gate } from '../support/delivery-fixture.ts';
import {
  emptyDatabase,
  failureOf,
  LATEST,
  migrate,
  moduleScript,
  objectsOf,
  openInstallation,
  ownChanges,
  sqlScript,
  tablesOf,
} from '../support/migrations.ts';

describe('migrating', () => {
  it('an empty database installs everything, and a second time nothing', async () => {
    const test = await emptyDatabase();
    const db = openInstallation(test);
    expect(await migrate(db)).toEqual(await ownChanges(db));
    const { rows } = await test.query<{ id: string }>(`select smart_notify('hello') as id`);
    expect(rows).toEqual([{ id: '1' }]);
    const before = await objectsOf(test);
    expect(await migrate(db)).toEqual([]);
    expect(await objectsOf(test)).toEqual(before);
  });

  it('tells what has been applied, and changes nothing by telling', async () => {
    const test = await emptyDatabase();
    const db = openInstallation(test);
    const scripts = [sqlScript('a', 'select 1'), sqlScript('b', 'select 1')];
    const before = await objectsOf(test);
    const fresh = await installationState(db, scripts);
    expect(fresh.pgwatch.length).toBeGreaterThan(0);
    expect([...fresh.pgwatch, ...fresh.project].filter(({ executedAt }) => executedAt)).toEqual([]);
    expect(await objectsOf(test)).toEqual(before);

    await migrate(db, scripts, { kind: 'to', name: 'a' });
    const { pgwatch, project } = await installationState(db, scripts);
    expect(pgwatch.every(({ executedAt }) => executedAt instanceof Date)).toBe(true);
    expect(project).toEqual([
      { name: 'a', executedAt: expect.any(Date), isGone: false, isOutOfOrder: false },
      { name: 'b', executedAt: undefined, isGone: false, isOutOfOrder: false },
    ]);
  });

  it('twice at the same time, one waits for the other', async () => {
    const test = await emptyDatabase();
    const first = openInstallation(test);
    const second = openInstallation(test);
    const begun = gate();
    const mayGoOn = gate();
    const slow = moduleScript('slow', async () => {
      begun.open();
      await mayGoOn.opened;
    });
    const firstChanges = migrate(first, [slow]);
    await begun.opened;
    const secondChanges = migrate(second, [slow]);
    await expect
      .poll(() =>
        test.query(`select from pg_locks where locktype = 'advisory' and not granted
                    and database = (select oid from pg_database where datname = current_database())`),
      )
      .toMatchObject({ rowCount: 1 });
    mayGoOn.open();
    expect(await firstChanges).toEqual([...(await ownChanges(first)), 'project up slow']);
    expect(await secondChanges).toEqual([]);
  });

  it('at the same time from nothing, each migration is applied once', async () => {
    const test = await emptyDatabase();
    const databases = [openInstallation(test), openInstallation(test), openInstallation(test)];
    const changes = await Promise.all(databases.map((db) => migrate(db)));
    expect(changes.flat().toSorted()).toEqual(await ownChanges(openInstallation(test)));
  });

  it('that is interrupted leaves nothing half done, and can be repeated', async () => {
    const test = await emptyDatabase();
    const db = openInstallation(test);
    const reached = gate();
    const mayGoOn = gate();
    const script = moduleScript('tables', async (trx) => {
      await trx.schema.createTable('one').addColumn('id', 'integer').execute();
      reached.open();
      await mayGoOn.opened;
      await trx.schema.createTable('two').addColumn('id', 'integer').execute();
    });
    const failure = failureOf(migrate(db, [script]));
    await reached.opened;
    await test.query(`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and state = 'idle in transaction'`);
    mayGoOn.open();
    expect((await failure).code).toBe('MIGRATION_FAILED');
    expect(await tablesOf(test)).toEqual([]);
    expect(await migrate(db, [script])).toEqual(['project up tables']);
    expect(await tablesOf(test)).toEqual(['one', 'two']);
  });

  it('is refused when a newer pgwatch has been here', async () => {
    const test = await emptyDatabase();
    const db = openInstallation(test);
    await migrate(db);
    await test.query(`insert into pgwatch.migration values ('9999_future', now()::text)`);
    const refused = await failureOf(migrate(db, [sqlScript('a', 'create table a ()')]));
    expect(refused.code).toBe('SCHEMA_NEWER');
    expect(refused.message).toContain('9999_future');
    expect((await failureOf(plannedSql(db, [], LATEST))).code).toBe('SCHEMA_NEWER');
    expect(await tablesOf(test)).toEqual([]);
  });
});

describe('the schema of the functions that users call', () => {
  it('has to be there: nothing is installed without it, and it is said how to create it', async () => {
    const test = await emptyDatabase();
    await test.query('create schema "my api"');
    const db = openInstallation(test, 'pgwatch', 'my_app"i');
    const before = await objectsOf(test);
    for (const failure of [
      await failureOf(migrate(db)),
      await failureOf(plannedSql(db, [], LATEST)),
    ]) {
      expect(failure.code).toBe('FUNCTIONS_SCHEMA_MISSING');
      expect(failure.message).toContain('There is no schema "my_app"i" in this database');
      expect(failure.message).toContain('Did you mean "my api"?');
      expect(failure.hint).toContain('create schema "my_app""i";');
    }
    expect(await objectsOf(test)).toEqual(before);
    await test.query('create schema "my_app""i"');
    expect(await migrate(db)).toEqual(await ownChanges(db));
  });

  it("may be pgwatch's own, which is created", async () => {
    const test = await emptyDatabase();
    const db = openInstallation(test, 'events', 'events');
    expect(await migrate(db)).toEqual(await ownChanges(db));
    const { rows } = await test.query(`select events.smart_notify('hello') as id`);
    expect(rows).toEqual([{ id: '1' }]);
  });

  it('is missed also when it is the default, and somebody has dropped that', async () => {
    const test = await emptyDatabase();
    await test.query('drop schema public');
    const failure = await failureOf(migrate(openInstallation(test)));
    expect(failure.code).toBe('FUNCTIONS_SCHEMA_MISSING');
    expect(failure.hint).toContain('create schema "public";');
  });
});

describe("the project's own migrations", () => {
  it('go up in the order of their names, down one by one, and to where they are told', async () => {
    const test = await emptyDatabase();
    const db = openInstallation(test);
    const scripts = ['1_a', '2_b', '3_c'].map((name) =>
      sqlScript(name, `create table "${name}" ()`, `drop table "${name}"`),
    );
    expect(await migrate(db, scripts.toReversed())).toEqual([
      ...(await ownChanges(db)),
      'project up 1_a',
      'project up 2_b',
      'project up 3_c',
    ]);
    expect(await migrate(db, scripts, { kind: 'down' })).toEqual(['project down 3_c']);
    expect(await tablesOf(test)).toEqual(['1_a', '2_b']);
    expect(await migrate(db, scripts, { kind: 'to', name: '3_c' })).toEqual(['project up 3_c']);
    expect(await migrate(db, scripts, { kind: 'to', name: '1_a' })).toEqual([
      'project down 3_c',
      'project down 2_b',
    ]);
    expect(await tablesOf(test)).toEqual(['1_a']);
    expect(await migrate(db, scripts, { kind: 'to', name: undefined })).toEqual([
      'project down 1_a',
    ]);
    expect(await migrate(db, scripts, { kind: 'down' })).toEqual([]);
    expect(await migrate(db, scripts, { kind: 'to', name: '2_b' })).toEqual([
      'project up 1_a',
      'project up 2_b',
    ]);
  });

  it('each have a transaction of their own: what came before a failing one stays', async () => {
    const test = await emptyDatabase();
    const db = openInstallation(test);
    const failing = [
      sqlScript('1', 'create table one ()'),
      sqlScript('2', 'create table two (); insert into nowhere values (1)'),
      sqlScript('3', 'create table three ()'),
    ];
    const failure = await failureOf(migrate(db, failing));
    expect(failure.code).toBe('MIGRATION_FAILED');
    expect(failure.message).toBe(
      'The migration "2" failed: relation "nowhere" does not exist. Its transaction was rolled back, so nothing of it is in the database.',
    );
    expect(await tablesOf(test)).toEqual(['one']);
    const corrected = failing.with(1, sqlScript('2', 'create table two ()'));
    expect(await migrate(db, corrected)).toEqual(['project up 2', 'project up 3']);
  });

  it('may be modules, with a schema builder and captured tables', async () => {
    const test = await emptyDatabase();
    const db = openInstallation(test);
    await migrate(db, [
      moduleScript('orders', async (trx) => {
        await trx.schema
          .createTable('orders')
          .addColumn('id', 'integer', (column) => column.primaryKey())
          .execute();
        await createTriggerForTable(trx, 'orders', { channel: 'orders' });
      }),
    ]);
    await test.query('insert into orders values (7)');
    const { rows } = await test.query<{ channel: string; action: string }>(
      `select channel, payload ->> 'action' as action from pgwatch.notification_log`,
    );
    expect(rows).toEqual([{ channel: 'orders', action: 'INSERT' }]);
  });

  it('are named in the error when the library refuses what they ask for', async () => {
    const test = await emptyDatabase();
    const db = openInstallation(test);
    const script = moduleScript('capture', (trx) => createTriggerForTable(trx, 'nothing'));
    const failure = await failureOf(migrate(db, [script]));
    expect(failure.code).toBe('MIGRATION_FAILED');
    expect(failure.message).toContain(
      'The migration "capture" failed: There is no table "nothing"',
    );
    expect(failure.hint).toContain('create the table first');
  });

  it('cannot go back where there is no way down', async () => {
    const test = await emptyDatabase();
    const db = openInstallation(test);
    const scripts = [sqlScript('a', 'create table a ()')];
    await migrate(db, scripts);
    const failure = await failureOf(migrate(db, scripts, { kind: 'down' }));
    expect(failure.code).toBe('MIGRATION_INVALID');
    expect(failure.hint).toContain('a.down.sql');
    expect(await tablesOf(test)).toEqual(['a']);
  });

  it('with a name before one that is applied are refused', async () => {
    const test = await emptyDatabase();
    const db = openInstallation(test);
    const late = sqlScript('2', 'create table two ()');
    await migrate(db, [late]);
    const failure = await failureOf(migrate(db, [sqlScript('1', 'create table one ()'), late]));
    expect(failure.code).toBe('MIGRATION_OUT_OF_ORDER');
    expect(await tablesOf(test)).toEqual(['two']);
  });

  it('are refused, up and down, while the file of one that was applied is gone', async () => {
    const test = await emptyDatabase();
    const db = openInstallation(test);
    const first = sqlScript('1', 'create table "1" ()', 'drop table "1"');
    const second = sqlScript('2', 'create table "2" ()', 'drop table "2"');
    const third = sqlScript('3', 'create table "3" ()', 'drop table "3"');
    await migrate(db, [first, second]);
    expect((await installationState(db, [first])).project).toEqual([
      { name: '1', executedAt: expect.any(Date), isGone: false, isOutOfOrder: false },
      { name: '2', executedAt: expect.any(Date), isGone: true, isOutOfOrder: false },
    ]);
    const down: MigrationTarget = { kind: 'down' };
    for (const failure of [
      await failureOf(migrate(db, [first, third])),
      await failureOf(plannedSql(db, [first, third], LATEST)),
      await failureOf(migrate(db, [first], down)),
      await failureOf(migrate(db, [first], { kind: 'to', name: '1' })),
      await failureOf(migrate(db, [], down)),
    ]) {
      expect(failure.code).toBe('MIGRATION_UNKNOWN');
      expect(failure.message).toContain('"2"');
    }
    expect(await tablesOf(test)).toEqual(['1', '2']);
    expect(await migrate(db, [first])).toEqual([]);
    expect(await migrate(db, [first, second, third])).toEqual(['project up 3']);
  });

  it('go on without one that was applied when its row is deleted, as the error says', async () => {
    const test = await emptyDatabase();
    const db = openInstallation(test);
    await migrate(db, [sqlScript('1', 'select 1')]);
    const { hint } = await failureOf(migrate(db, [sqlScript('2', 'select 2')]));
    expect(hint).toContain("the table project_migration in pgwatch's schema");
    await test.query(`delete from pgwatch.project_migration where name = '1'`);
    expect(await migrate(db, [sqlScript('2', 'select 2')])).toEqual(['project up 2']);
  });

  it.each([
    ['commit', 'create table half (); commit; create table nothing_here ()'],
    ['begin', 'begin; create table half (); commit;'],
    ['rollback', 'create table half (); rollback;'],
    [
      'a statement that cannot run in a transaction',
      'create table half (id int); create index concurrently half_id on half (id)',
    ],
  ])('may not contain %s', async (_what, text) => {
    const test = await emptyDatabase();
    const db = openInstallation(test);
    const scripts = [sqlScript('a', text)];
    for (const failure of [
      await failureOf(plannedSql(db, scripts, LATEST)),
      await failureOf(migrate(db, scripts)),
    ]) {
      expect(failure.code).toBe('MIGRATION_FAILED');
      expect(failure.hint).toContain('Each migration runs in a transaction of its own');
    }
    expect(await tablesOf(test)).toEqual([]);
  });
});
