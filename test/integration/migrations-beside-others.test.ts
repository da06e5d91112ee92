import { describe, expect, it } from 'vitest';
import { createTriggerForTable } from '../../src/capture/triggers.ts';
import { assertSameCluster } from '../../src/db/clone-guard.ts';
import { assertSchema } from '../../src/db/schema-check.ts';
import {
  emptyDatabase,
  failureOf,
  migrate,
  openInstallation,
  ownChanges,
  sqlScript,
  tablesOf,
} from '../support/migrations.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';
import { startDaemon } from '../support/running-daemon.ts';

describe('a migration that waits for the lock of a table', () => {
  it('steps back, so that the writers behind it go on, and succeeds when it gets the lock', async () => {
    const test = await emptyDatabase();
    const db = openInstallation(test);
    await migrate(db);
    await test.query('create table busy (id integer)');
    const longReader = await test.pool.connect();
    try {
      await longReader.query('begin');
      await longReader.query('select from busy');
      const changes = migrate(db, [sqlScript('column', 'alter table busy add note text')]);
      await expect
        .poll(() =>
          test.query(`select from pg_locks where relation = 'busy'::regclass and not granted`),
        )
        .toMatchObject({ rowCount: 1 });
      // Comes after the migration, so it waits behind it; the reader is still there when it is done.
      await test.query('insert into busy values (1)');
      await longReader.query('commit');
      expect(await changes).toEqual(['project up column']);
    } finally {
      longReader.release();
    }
    expect((await test.query('select * from busy')).rows).toEqual([{ id: 1, note: null }]);
  });
});

describe('two installations in one database', () => {
  it('know nothing of each other', async () => {
    const test = await emptyDatabase();
    await test.query('create schema one_api; create schema two_api; create table t (id int)');
    const one = openInstallation(test, 'one', 'one_api');
    const two = openInstallation(test, 'two', 'two_api');
    const scripts = [sqlScript('same_name', 'select 1')];
    const changes = [...(await ownChanges(one)), 'project up same_name'];
    expect(await Promise.all([migrate(one, scripts), migrate(two, scripts)])).toEqual([
      changes,
      changes,
    ]);
    await createTriggerForTable(test.pool, 't', {
      pgwatchSchema: 'one',
      functionsSchema: 'one_api',
    });
    await test.query('insert into t values (1)');
    await test.query(`select two_api.smart_notify('for_two')`);
    const log = async (schema: string) =>
      (await test.query<{ channel: string }>(`select channel from ${schema}.notification_log`))
        .rows;
    expect(await log('one')).toEqual([{ channel: 'data_change' }]);
    expect(await log('two')).toEqual([{ channel: 'for_two' }]);
  });

  it('cannot share the functions that users call: the second is refused, the first stays', async () => {
    const test = await emptyDatabase();
    const one = openInstallation(test, 'one');
    await migrate(one);
    const failure = await failureOf(migrate(openInstallation(test, 'two')));
    expect(failure.code).toBe('FUNCTIONS_TAKEN');
    expect(failure.message).toContain('public.smart_notify(text, jsonb, text)');
    expect(failure.message).toContain('another or a former installation of pgwatch');
    await test.query(`select smart_notify('still_here')`);
    const { rows } = await test.query('select channel from one.notification_log');
    expect(rows).toEqual([{ channel: 'still_here' }]);
  });
});

describe('names that need quoting', () => {
  const schema = 'we"ird\n$$ nämé';
  const functionsSchema = `o'clock "x" \\`;
  const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

  it('are names like any others', async () => {
    const test = await emptyDatabase();
    await test.query(
      `create schema ${quoted(functionsSchema)}; create table t (id int primary key)`,
    );
    const db = openInstallation(test, schema, functionsSchema);
    expect(await migrate(db)).toEqual(await ownChanges(db));
    expect(await migrate(db)).toEqual([]);
    await assertSchema(db);
    await assertSameCluster(db.pool, db.names.schema);
    expect(await tablesOf(test)).toEqual(['t']);

    const { consumer, received } = recordingConsumer('consumer', ['data_change', 'c']);
    const daemon = startDaemon(db, [consumer]);
    try {
      await daemon.events.first(({ type }) => type === 'elected');
      await createTriggerForTable(test.pool, 't', { pgwatchSchema: schema, functionsSchema });
      await test.query('insert into t values (1)');
      await test.query('update t set id = 2');
      await test.query(`select ${quoted(functionsSchema)}.smart_notify('c', '{"n": 1}')`);
      const [inserted, updated, sent] = await received.count(3);
      expect(inserted?.getNewData()).toEqual({ id: 1 });
      expect(updated?.getOldData()).toEqual({ id: 1 });
      expect(sent?.data).toEqual({ n: 1 });
    } finally {
      await daemon.stop();
    }
  });
});
