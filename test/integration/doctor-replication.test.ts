import pg from 'pg';
import { expect, it } from 'vitest';
import { createTriggerForTable } from '../../src/capture/triggers.ts';
import { CheckupFixture } from '../support/checkup-fixture.ts';

const fixture = new CheckupFixture({ wal_level: 'logical' });
const run = (text: string, values: unknown[] = []) => fixture.run(text, values);

const captured = () =>
  run(`select payload->>'action' as action, payload->>'id' as id
       from pgwatch.notification_log where channel = 'replicated' order by notification_log.id`);

it('a table that gets rows by logical replication is captured as doctor says, and not otherwise', async () => {
  await run('create database origin');
  const url = new URL(fixture.db.url);
  url.pathname = '/origin';
  const origin = new pg.Client(url.href);
  await origin.connect();
  try {
    await origin.query(
      'create table orders (id int primary key); create publication p for table orders',
    );
    await origin.query(`select pg_create_logical_replication_slot('s', 'pgoutput')`);
    await run('create table orders (id int primary key)');
    await createTriggerForTable(fixture.db.pool, 'orders', { channel: 'replicated' });
    await run(
      `create subscription s connection '${url.href}' publication p
       with (create_slot = false, slot_name = 's', copy_data = false)`,
    );
    expect(await fixture.finding('triggers')).toMatchObject({
      severity: 'note',
      what: expect.stringContaining(
        '_pgwatch_capture_delete and _pgwatch_capture_insert never fire',
      ),
    });

    // What one would try, and what PostgreSQL makes of it.
    for (const trigger of [
      '_pgwatch_capture',
      '_pgwatch_capture_insert',
      '_pgwatch_capture_delete',
    ]) {
      await run(`alter table orders enable always trigger ${trigger}`);
    }
    await origin.query('insert into orders values (1)');
    await expect.poll(() => run('select id from orders')).toEqual([{ id: 1 }]);
    expect(await captured()).toEqual([]);

    const finding = await fixture.finding('triggers');
    expect(finding).toMatchObject({ severity: 'warning' });
    await fixture.mend(finding);
    expect(await fixture.findings('triggers')).toEqual([]);
    await origin.query('insert into orders values (2)');
    await origin.query('update orders set id = 3 where id = 2');
    await origin.query('delete from orders where id = 1');
    await expect.poll(captured).toEqual([
      { action: 'INSERT', id: '2' },
      { action: 'UPDATE', id: '3' },
      { action: 'DELETE', id: '1' },
    ]);
  } finally {
    await run('alter subscription s disable').catch(() => {});
    await origin.end();
  }
});

it('a trigger for each row that does not fire for such rows is told, too', async () => {
  await run('create table items (id int primary key)');
  await run(
    `create trigger capture after insert on items for each row execute function notify_data_change()`,
  );
  await run(
    `insert into pg_subscription_rel (srsubid, srrelid, srsubstate)
     select oid, 'items'::regclass, 'r' from pg_subscription`,
  );
  const finding = await fixture.finding('triggers');
  expect(finding).toMatchObject({
    severity: 'note',
    what: expect.stringContaining('for which capture does not fire'),
  });
  await fixture.mend(finding);
  expect(await fixture.findings('triggers')).toEqual([]);
});
