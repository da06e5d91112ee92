import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { createTriggerForTable, dropTriggerForTable } from '../../src/capture/triggers.ts';
import type { Queryable } from '../../src/db/queryable.ts';
import { CaptureFixture } from '../support/capture-fixture.ts';

const fixture = new CaptureFixture();

/** The triggers of the test's table, one line each. */
async function triggers(table = fixture.name): Promise<string[]> {
  const { rows } = await fixture.database.query<{ trigger: string }>(
    `select format('%s %s', tgname, pg_get_triggerdef(oid)) as trigger from pg_trigger
     where tgrelid = $1::regclass order by tgname`,
    [table],
  );
  return rows.map(({ trigger }) => trigger);
}

describe('createTriggerForTable', () => {
  it('captures inserts and deletes by the statement, updates by the row, on data_change', async () => {
    await fixture.run('create table $name (id int primary key)');
    await createTriggerForTable(fixture.database.pool, fixture.name);
    expect(await triggers()).toEqual([
      expect.stringMatching(
        /^_pgwatch_capture .* AFTER UPDATE ON .* FOR EACH ROW EXECUTE FUNCTION notify_data_change\('data_change'\)$/,
      ),
      expect.stringMatching(
        /^_pgwatch_capture_delete .* AFTER DELETE .* FOR EACH STATEMENT EXECUTE FUNCTION pgwatch\.capture_statement\('data_change'\)$/,
      ),
      expect.stringMatching(
        /^_pgwatch_capture_insert .* AFTER INSERT .* FOR EACH STATEMENT EXECUTE FUNCTION pgwatch\.capture_statement\('data_change'\)$/,
      ),
    ]);
  });

  it('changes nothing when called again, and replaces the channel when that is another', async () => {
    await fixture.run('create table $name (id int primary key)');
    const { pool } = fixture.database;
    await createTriggerForTable(pool, fixture.name);
    const once = await triggers();
    await createTriggerForTable(pool, fixture.name);
    expect(await triggers()).toEqual(once);
    await createTriggerForTable(pool, fixture.name, { channel: `it's "\\${fixture.name}` });
    await fixture.run('insert into $name values (1); update $name set id = 2; delete from $name');
    expect(await fixture.changes(`it's "\\${fixture.name}`)).toEqual([
      'INSERT 1',
      'UPDATE 2',
      'DELETE 2',
    ]);
  });

  it('goes over to row triggers when the table has got children or AFTER ROW triggers, and back', async () => {
    await fixture.run(`create table $name (id int primary key);
      create function $name_f() returns trigger language plpgsql as $$ begin return null; end $$`);
    const { pool } = fixture.database;
    const names = async () => (await triggers()).map((line) => line.split(' ')[0]);
    const statements = ['_pgwatch_capture', '_pgwatch_capture_delete', '_pgwatch_capture_insert'];
    await createTriggerForTable(pool, fixture.name);
    expect(await names()).toEqual(statements);
    await fixture.run('create table $name_child () inherits ($name)');
    await createTriggerForTable(pool, fixture.name);
    expect(await names()).toEqual(['_pgwatch_capture']);
    expect((await triggers())[0]).toContain('AFTER INSERT OR DELETE OR UPDATE');
    await fixture.run('drop table $name_child');
    await createTriggerForTable(pool, fixture.name);
    expect(await names()).toEqual(statements);
    await fixture.run(
      'create trigger zz after insert on $name for each row execute function $name_f()',
    );
    await createTriggerForTable(pool, fixture.name);
    expect(await names()).toEqual(['_pgwatch_capture', 'zz']);
    await fixture.run(`drop trigger zz on $name;
      create trigger zz before insert on $name for each row execute function $name_f();
      create trigger zy after insert on $name for each statement execute function $name_f()`);
    await createTriggerForTable(pool, fixture.name);
    expect(await names()).toEqual([...statements, 'zy', 'zz']);
  });

  it('keeps readers out only when it must drop a trigger', async () => {
    await fixture.run('create table $name (id int primary key)');
    const locks = () =>
      fixture.session(async (client) => {
        await client.query('begin');
        await createTriggerForTable(client, fixture.name);
        const { rows } = await client.query<{ mode: string }>(
          `select mode from pg_locks where pid = pg_backend_pid() and locktype = 'relation' and relation = $1::regclass order by 1`,
          [fixture.name],
        );
        await client.query('commit');
        return rows.map(({ mode }) => mode);
      });
    expect(await locks()).not.toContain('AccessExclusiveLock');
    expect(await locks()).toContain('ShareRowExclusiveLock');
    expect(await locks()).not.toContain('AccessExclusiveLock');
    await fixture.run('create table $name_child () inherits ($name)');
    expect(await locks()).toContain('AccessExclusiveLock');
    expect(await locks()).not.toContain('AccessExclusiveLock');
  });

  it.each(['a pool', 'a client', 'a client of a pool', 'Kysely', 'a Kysely transaction'])(
    'works with %s',
    async (kind) => {
      await fixture.run('create table $name (id int primary key)');
      await withHandle(kind, async (db) => {
        await createTriggerForTable(db, fixture.name, { channel: fixture.name });
      });
      await fixture.run('insert into $name values (1)');
      expect(await fixture.changes()).toEqual(['INSERT 1']);
      await withHandle(kind, (db) => dropTriggerForTable(db, fixture.name));
      expect(await triggers()).toEqual([]);
    },
  );

  it('is undone with the transaction it is called in', async () => {
    await fixture.run('create table $name (id int primary key)');
    await fixture.session(async (client) => {
      await client.query('begin');
      await createTriggerForTable(client, fixture.name);
      await client.query('rollback');
    });
    const failed = kyselyOf(fixture.database.pool)
      .transaction()
      .execute(async (trx) => {
        await createTriggerForTable(trx, fixture.name);
        throw new Error('no');
      });
    await expect(failed).rejects.toThrow('no');
    expect(await triggers()).toEqual([]);
  });

  it('makes all its triggers or none', async () => {
    await fixture.run(`create table $name (id int primary key)`);
    const missing = createTriggerForTable(fixture.database.pool, fixture.name, {
      functionsSchema: 'pg_catalog',
    });
    await expect(missing).rejects.toMatchObject({ code: '42883' });
    expect(await triggers()).toEqual([]);
  });

  it('says which table it did not find, and what a dot means', async () => {
    const { pool } = fixture.database;
    await fixture.run(
      'create schema $name; create table $name.b (id int); create table "UPPER_$name" (id int)',
    );
    await expect(createTriggerForTable(pool, `${fixture.name}.b`)).rejects.toMatchObject({
      code: 'TABLE_NOT_FOUND',
      message: `There is no table "${fixture.name}.b" on the search path.`,
      hint: expect.stringContaining(
        `createTriggerForTable(db, 'b', { schema: '${fixture.name}' })`,
      ),
    });
    for (const [table, schema] of [
      ['b', undefined],
      ['B', fixture.name],
      ['b', 'nowhere'],
      [`upper_${fixture.name}`, undefined],
      ['', undefined],
      [' b', fixture.name],
      [`${'x'.repeat(63)}y`, undefined],
      ['b; drop table b', fixture.name],
      ['"b"', fixture.name],
    ]) {
      const options = schema === undefined ? {} : { schema };
      await expect(createTriggerForTable(pool, table ?? '', options), table).rejects.toMatchObject({
        code: 'TABLE_NOT_FOUND',
      });
      await expect(dropTriggerForTable(pool, table ?? '', options), table).rejects.toMatchObject({
        code: 'TABLE_NOT_FOUND',
      });
    }
    await createTriggerForTable(pool, 'b', { schema: fixture.name });
    await createTriggerForTable(pool, `UPPER_${fixture.name}`);
  });

  it('does not take a name that PostgreSQL would cut off for another', async () => {
    await fixture.run(`create table "${'z'.repeat(63)}" (id int)`);
    await expect(
      createTriggerForTable(fixture.database.pool, 'z'.repeat(64)),
    ).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND' });
    await createTriggerForTable(fixture.database.pool, 'z'.repeat(63));
  });

  it.each([
    ['a view', 'create view $name as select 1 as id'],
    ['a materialized view', 'create materialized view $name as select 1 as id'],
    ['a sequence', 'create sequence $name'],
    ['a composite type', 'create type $name as (id int)'],
    ['an index', 'create table $name_t (id int); create index $name on $name_t (id)'],
    [
      'a foreign table',
      'create foreign data wrapper $name_w; create server $name_s foreign data wrapper $name_w; create foreign table $name (id int) server $name_s',
    ],
  ])('refuses %s', async (what, sql) => {
    await fixture.run(sql);
    await expect(createTriggerForTable(fixture.database.pool, fixture.name)).rejects.toMatchObject({
      code: 'TABLE_NOT_CAPTURABLE',
      message: expect.stringContaining(`public.${fixture.name} is ${what}.`),
    });
  });

  it('refuses the tables of pgwatch', async () => {
    for (const table of ['notification_log', 'consumer', 'redelivery']) {
      const attempt = createTriggerForTable(fixture.database.pool, table, { schema: 'pgwatch' });
      await expect(attempt).rejects.toMatchObject({
        code: 'TABLE_NOT_CAPTURABLE',
        message: expect.stringContaining('own'),
      });
    }
  });

  it.each(['', 'x'.repeat(64), '界'.repeat(22), 'a\0b'])(
    'refuses the channel %j',
    async (channel) => {
      await fixture.run('create table $name (id int primary key)');
      const attempt = createTriggerForTable(fixture.database.pool, fixture.name, { channel });
      await expect(attempt).rejects.toMatchObject({ code: 'CHANNEL_INVALID' });
      expect(await triggers()).toEqual([]);
    },
  );
});

describe('dropTriggerForTable', () => {
  it('ends the capture, leaves other triggers alone, and may be called again', async () => {
    await fixture.run(`create table $name (id int primary key);
      create trigger mine after insert on $name for each row execute function notify_data_change('$name')`);
    const { pool } = fixture.database;
    const mine = await triggers();
    await createTriggerForTable(pool, fixture.name);
    await dropTriggerForTable(pool, fixture.name);
    await dropTriggerForTable(pool, fixture.name);
    expect(await triggers()).toEqual(mine);
  });

  it('ends the capture of the partitions, too', async () => {
    await fixture.run(`create table $name (id int primary key) partition by range (id);
      create table $name_a partition of $name for values from (0) to (100)`);
    await createTriggerForTable(fixture.database.pool, fixture.name, { channel: fixture.name });
    await dropTriggerForTable(fixture.database.pool, fixture.name);
    await fixture.run('insert into $name values (1); insert into $name_a values (2)');
    expect(await fixture.log()).toEqual([]);
  });
});

describe('a trigger on a table of pgwatch, made by hand', () => {
  it('writes nothing, so that the log of the log comes to an end', async () => {
    await fixture.run(`
      create trigger r after insert or update or delete on pgwatch.notification_log for each row execute function notify_data_change();
      create trigger s after insert on pgwatch.notification_log referencing new table as pgwatch_rows for each statement execute function pgwatch.capture_statement('c')`);
    await fixture.run(`select smart_notify('$name', '{"n": 1}')`);
    await fixture.run(
      `drop trigger r on pgwatch.notification_log; drop trigger s on pgwatch.notification_log`,
    );
    expect(await fixture.log()).toHaveLength(1);
    expect(
      await fixture.value(
        `select count(*)::int from pgwatch.notification_log where payload ->> 'table' = 'notification_log'`,
      ),
    ).toBe(0);
  });
});

function kyselyOf(pool: pg.Pool): Kysely<unknown> {
  return new Kysely({ dialect: new PostgresDialect({ pool }) });
}

async function withHandle(kind: string, work: (db: Queryable) => Promise<void>): Promise<void> {
  const { pool, url } = fixture.database;
  switch (kind) {
    case 'a pool':
      return work(pool);
    case 'a client': {
      const client = new pg.Client(url);
      await client.connect();
      return work(client).finally(() => client.end());
    }
    case 'a client of a pool': {
      const client = await pool.connect();
      return work(client).finally(() => client.release());
    }
    case 'Kysely':
      return work(kyselyOf(pool));
    default:
      return kyselyOf(pool).transaction().execute(work);
  }
}
