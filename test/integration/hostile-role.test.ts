import pg from 'pg';
import { describe, expect, it, onTestFinished, type TestContext } from 'vitest';
import { grantRights } from '../../src/admin/rights.ts';
import { createTriggerForTable } from '../../src/capture/triggers.ts';
import { quoteIdentifier, quoteLiteral } from '../../src/db/names.ts';
import { createInstalledDatabase, type InstalledDatabase } from '../support/installed-database.ts';
import { openAt } from '../support/open-database.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';
import { createRole, type TestRole } from '../support/role.ts';
import { startDaemon } from '../support/running-daemon.ts';

/** An installation, and a session of an application's role with a schema of its own. */
async function underAttack(test: TestContext) {
  const role = await createRole(test);
  const database = await createInstalledDatabase();
  onTestFinished(() => database.drop());
  await database.query(`create schema app authorization ${role.name};
    grant temporary on database ${new URL(database.url).pathname.slice(1)} to ${role.name}`);
  return { role, database, client: await connect(database, role) };
}

async function connect(database: InstalledDatabase, role: TestRole): Promise<pg.Client> {
  const client = new pg.Client(role.url(database.url));
  client.on('error', () => {});
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

async function capture(database: InstalledDatabase, table: string): Promise<void> {
  await createTriggerForTable(database.pool, table, { schema: 'app', channel: 'app' });
}

async function payloads(database: InstalledDatabase): Promise<Record<string, unknown>[]> {
  const { rows } = await database.query<{ payload: Record<string, unknown> }>(
    'select payload from pgwatch.notification_log order by id',
  );
  return rows.map(({ payload }) => payload);
}

describe('names', () => {
  it.for([
    `"; drop table pgwatch.notification_log; --`,
    `$pgwatch_body$; select 1/0; --`,
    `'); delete from pgwatch.notification_log; --`,
    '%s %I %1$s \\',
    '日本\n語',
    'notification_log',
    'old',
  ])('of tables and columns may be anything: %s', async (name, test) => {
    const { database, client } = await underAttack(test);
    const [table, column] = [`app.${quoteIdentifier(name)}`, quoteIdentifier(name)];
    await client.query(`create table ${table} (${column} text primary key, doc json)`);
    await capture(database, name);
    await client.query(`insert into ${table} values ($1, '{}'), ('nul', '"\\u0000"')`, [name]);
    await client.query(`update ${table} set doc = '[]'`);
    await client.query(`delete from ${table}`);
    const captured = await payloads(database);
    expect(captured).toHaveLength(6);
    expect(captured[0]).toMatchObject({ table: name, id: name, new_data: { [name]: name } });
    expect(captured[1]).toMatchObject({ id: 'nul', capture_error: expect.any(String) });
  });

  it('of columns may be those of the trigger functions and their variables', async (test) => {
    const { database, client } = await underAttack(test);
    const columns = [
      ...['id', 'channel', 'key', 'payload', 'described', 'changed', 'typed', 'reason', 'position'],
      ...['old_data', 'new_data', 'keys', 'payloads', 'bytes', 'r', 'tg_op', 'tg_relid', 'content'],
      ...['source', 'relation', 'result', 'name', 'value', 'pgwatch_rows', 'nspname', 'attname'],
    ];
    const values = columns.map((column) => quoteLiteral(column));
    await client.query(`create table app.clash (n int primary key, doc json,
      ${columns.map((column) => `${quoteIdentifier(column)} text`).join(', ')})`);
    await capture(database, 'clash');
    await client.query(`insert into app.clash values (1, '{}', ${values.join(', ')}),
      (2, '"\\u0000"', ${values.join(', ')})`);
    await client.query('update app.clash set n = n + 2');
    const whole = Object.fromEntries(columns.map((column) => [column, column]));
    for (const { new_data: data } of await payloads(database)) expect(data).toMatchObject(whole);
  });

  it('of channels and keys may be anything that fits', async (test) => {
    const { database, client } = await underAttack(test);
    const nasty = [`'; drop table x; --`, 'a"b', '%s', '\\', '日本', ' ', 'pgwatch'];
    for (const name of nasty)
      await client.query('select smart_notify($1, $2, $3)', [name, '{}', name]);
    const { rows } = await database.query(
      'select channel, key from pgwatch.notification_log order by id',
    );
    expect(rows).toEqual(nasty.map((name) => ({ channel: name, key: name })));
    for (const channel of ['', 'x'.repeat(64), '日'.repeat(22), null]) {
      await expect(client.query('select smart_notify($1)', [channel])).rejects.toMatchObject({
        code: '22023',
      });
    }
  });
});

describe('a hostile role', () => {
  it('puts nothing of its own into functions that run with the rights of the owner', async (test) => {
    const { role, database, client } = await underAttack(test);
    await client.query('create table app.orders (id int primary key)');
    await capture(database, 'orders');
    // A schema of the name of its own role is before public in the path; and pgwatch is a name, too.
    for (const schema of ['app', quoteIdentifier(role.name)]) {
      if (schema !== 'app')
        await database.query(`create schema ${schema} authorization ${role.name}`);
      for (const signature of [
        'append(text, text, jsonb, boolean) returns bigint',
        'smart_notify(text, jsonb, text) returns bigint',
        'somebody_is_awake() returns boolean',
        'pg_notify(text, text) returns void',
        'now() returns timestamptz',
      ]) {
        await client.query(`create function ${schema}.${signature} language plpgsql as $$
          begin raise 'hijacked, as %', current_user; end $$`);
      }
      await client.query(`create table ${schema}.notification_log (id int);
        create function ${schema}.eq(jsonb, text) returns jsonb language plpgsql
        as $$ begin raise 'hijacked'; end $$;
        create operator ${schema}.|| (leftarg = jsonb, rightarg = text, function = ${schema}.eq)`);
    }
    // Temporary relations and types come before all schemas, unless a path puts pg_temp last.
    for (const name of [
      'notification_log',
      'pg_class',
      'pg_index',
      'int8',
      'text',
      'jsonb',
      'bool',
    ]) {
      await client.query(`create temp table ${quoteIdentifier(name)} (nothing int)`);
    }
    await client.query('create domain pg_temp.timestamptz as int check (value < 0)');
    await client.query('set search_path = pg_temp, app, "$user", public, pg_catalog');
    await client.query('insert into app.orders values (1), (2)');
    await client.query('update app.orders set id = 3 where id = 1');
    await client.query(`select public.smart_notify('app', '{"id": 4}'::pg_catalog.jsonb)`);
    const captured = await payloads(database);
    expect(captured.map(({ id }) => id)).toEqual([1, 2, 3, 4]);
    expect(captured.every((payload) => !('capture_error' in payload))).toBe(true);
    await expect(
      client.query(`select smart_notify('app', '{}'::pg_catalog.jsonb, 'k'::pg_catalog.text)`),
    ).rejects.toThrow(`hijacked, as ${role.name}`);
  });

  it('becomes nobody else, by no way through pgwatch', async (test) => {
    const { role, database, client } = await underAttack(test);
    await client.query(`create table app.orders (id int primary key);
      create function app.evil() returns trigger language plpgsql as $$
      begin
        execute format('alter role %I superuser', ${quoteLiteral(role.name)});
        return new;
      end $$`);
    await capture(database, 'orders');
    const attempts = [
      'alter function pgwatch.append(text, text, jsonb, boolean) security invoker',
      'alter function public.smart_notify(text, jsonb, text) reset search_path',
      'create or replace function public.notify_data_change() returns trigger language sql as $$ $$',
      'drop function public.notify_data_change() cascade',
      'create function pgwatch.mine() returns int language sql as $$ select 1 $$',
      'create trigger t before insert on pgwatch.notification_log for each row execute function app.evil()',
      'create rule r as on insert to pgwatch.notification_log do also nothing',
      'create policy p on pgwatch.notification_log',
      'grant select on pgwatch.notification_log to public',
      'set role pg_write_server_files',
      `copy pgwatch.notification_log to program 'id'`,
      'create view app.v as select * from pgwatch.notification_log; select * from app.v',
      'create table app.child () inherits (pgwatch.notification_log)',
      'create index on pgwatch.notification_log ((app.evil()))',
      `select pg_terminate_backend(pid) from pg_stat_activity
       where usename <> current_user and datname = current_database()`,
    ];
    for (const sql of attempts) {
      await expect(client.query(sql), sql).rejects.toMatchObject({
        code: expect.stringMatching(/^(42501|42939|0A000|42P17|42601)$/),
      });
    }
    await client.query('insert into app.orders values (1)');
    const { rows } = await database.query('select rolsuper from pg_roles where rolname = $1', [
      role.name,
    ]);
    expect(rows).toEqual([{ rolsuper: false }]);
  });

  it('that is another one by SET ROLE has that one’s rights, in capture as elsewhere', async (test) => {
    const second = await createRole(test);
    const { role, database, client } = await underAttack(test);
    await database.query(`grant ${role.name} to ${second.name};
      create table app.orders (id int primary key, doc json);
      grant insert on app.orders to ${role.name}`);
    await capture(database, 'orders');
    const other = await connect(database, second);
    await other.query(`set role ${role.name}`);
    await other.query(`insert into app.orders values (1, '"\\u0000"')`);
    await expect(other.query('select from pgwatch.notification_log')).rejects.toMatchObject({
      code: '42501',
    });
    await client.query(`insert into app.orders values (2, '{}')`);
    expect((await payloads(database)).map(({ id }) => id)).toEqual([1, 2]);
  });

  it('spoils only its own captured changes by settings that pgwatch keeps to itself', async (test) => {
    const { database, client } = await underAttack(test);
    await client.query('create table app.orders (id int primary key)');
    await capture(database, 'orders');
    const oid = `select 'app.orders'::regclass::oid as oid`;
    const setting = `pgwatch.table_${(await client.query(oid)).rows[0]?.oid}`;
    const write = () => client.query('insert into app.orders select count(*) from app.orders');
    await write();
    const remembered: string = (await client.query(`select current_setting('${setting}') as value`))
      .rows[0].value;
    const forged = remembered.replace(/,app,orders,/, ',app,forged,');
    expect(forged).not.toBe(remembered);
    for (const value of ['nonsense', '{', '{0}', '{0,1,x,app,orders,k:,id}', forged, '']) {
      await client.query(`select set_config('${setting}', $1, false)`, [value]);
      await write();
    }
    const tables = (await payloads(database)).map(({ table }) => table);
    expect(tables).toEqual([...Array(5).fill('orders'), 'forged', 'orders']);
  });

  it('can send what looks like a captured change: a payload is input', async (test) => {
    const { database, client } = await underAttack(test);
    await client.query(
      `select pgwatch.append('app', 'public.orders:1', '{"table": "orders"}', false)`,
    );
    expect(await payloads(database)).toEqual([{ table: 'orders' }]);
  });
});

describe('row level security on a captured table', () => {
  it('hides no change from the log, whoever may read the rows', async (test) => {
    const { role, database, client } = await underAttack(test);
    await database.query(`create table app.orders (id int primary key, owner text, doc json);
      alter table app.orders enable row level security;
      create policy w on app.orders for insert with check (true);
      create policy u on app.orders for update using (owner = current_user) with check (true);
      create policy r on app.orders for select using (owner = current_user);
      create policy d on app.orders for delete using (owner = current_user);
      grant all on app.orders to ${role.name}`);
    await capture(database, 'orders');
    await client.query(`insert into app.orders values
      (1, current_user, '{}'), (2, 'somebody else', '"\\u0000"'), (3, current_user, '{}')`);
    await client.query('update app.orders set doc = null');
    await client.query('delete from app.orders');
    const captured = await payloads(database);
    expect(captured.map(({ action, id }) => `${action} ${id}`).sort()).toEqual([
      'DELETE 1',
      'DELETE 3',
      'INSERT 1',
      'INSERT 2',
      'INSERT 3',
      'UPDATE 1',
      'UPDATE 3',
    ]);
    expect((await client.query('select id from app.orders')).rows).toEqual([]);
  });
});

describe('advisory locks, which any role can take', () => {
  it('cost time when a hostile role holds them, and never a notification', async (test) => {
    const daemonRole = await createRole(test);
    const { database, client } = await underAttack(test);
    await grantRights(database.db, { producer: [], consumer: [daemonRole.name], cleanup: [] });
    const { lockClass, doorkeeperLock, doorbellLock } = database.db.names;
    // It plays the doorkeeper, and as if it were asleep.
    await client.query('select pg_advisory_lock($1, $2), pg_advisory_lock_shared($1, $3)', [
      lockClass,
      doorkeeperLock,
      doorbellLock,
    ]);
    const db = openAt(daemonRole.url(database.url), { poolSize: 4 });
    onTestFinished(() => db.close());
    const { consumer, received } = recordingConsumer('watching', ['app']);
    const daemon = startDaemon(db, [consumer]);
    onTestFinished(() => daemon.stop());
    await daemon.events.first(({ type }) => type === 'live');
    await database.query(`select smart_notify('app')`);
    // Its first look may have found that one, for which nobody is to blame yet.
    await received.count(1);
    await database.query(`select smart_notify('app')`);
    await received.count(2);
    const event = await daemon.events.first(({ type }) => type === 'ended-silent-doorkeeper');
    expect(event).toMatchObject({ succeeded: false });
    expect(daemon.events.all.filter(({ type }) => type === 'listen-lost')).toEqual([]);

    await client.end();
    await daemon.events.first(({ type }) => type === 'elected');
    await database.query(`select smart_notify('app')`);
    await received.count(3);
  });
});
