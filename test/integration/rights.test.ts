import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { grantRights, grantStatements, type RoleRights } from '../../src/admin/rights.ts';
import { createTriggerForTable } from '../../src/capture/triggers.ts';
import { createInstalledDatabase, type InstalledDatabase } from '../support/installed-database.ts';
import { failureOf } from '../support/migrations.ts';
import { openAt } from '../support/open-database.ts';
import { createRole, type TestRole } from '../support/role.ts';

const NOBODY: RoleRights = { producer: [], consumer: [], cleanup: [] };

/** An installation in a database where PUBLIC may do nothing. */
async function hardened(): Promise<InstalledDatabase> {
  const database = await createInstalledDatabase();
  onTestFinished(() => database.drop());
  await database.query(`
    revoke usage on schema pgwatch, public from public;
    revoke execute on all functions in schema pgwatch, public from public;
    create table public.orders (id int primary key, doc json)`);
  await createTriggerForTable(database.pool, 'orders', { channel: 'orders' });
  return database;
}

async function connect(database: InstalledDatabase, role: TestRole): Promise<pg.Client> {
  const client = new pg.Client(role.url(database.url));
  client.on('error', () => {});
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** The functions of pgwatch that a role may call. */
async function callable(database: InstalledDatabase, role: string): Promise<string[]> {
  const { rows } = await database.query<{ name: string }>(
    `select oid::regprocedure::text as name from pg_proc
     where pronamespace in ('pgwatch'::regnamespace, 'public'::regnamespace)
       and has_function_privilege($1, oid, 'execute')
     order by 1`,
    [role],
  );
  return rows.map(({ name }) => name);
}

it('a producer may send and write captured tables where PUBLIC may not', async (test) => {
  const role = await createRole(test);
  const database = await hardened();
  await database.query(`grant usage on schema public to ${role.name};
    grant insert, update, delete, select on public.orders to ${role.name}`);
  const client = await connect(database, role);
  const writes = [
    `insert into orders values (1, '{}'), (2, '"\\u0000"')`,
    'update orders set id = id + 2',
    'delete from orders',
    `select smart_notify('orders')`,
  ];
  for (const sql of writes) {
    // The user's statement fails, and says what is missing; nothing is written without its log.
    await expect(client.query(`/* */ ${sql}`), sql).rejects.toMatchObject({ code: '42501' });
    if (sql.startsWith('insert')) await database.query('insert into orders values (9, null)');
  }

  await grantRights(database.db, { ...NOBODY, producer: [role.name] });
  await grantRights(database.db, { ...NOBODY, producer: [role.name] });
  for (const sql of writes) await client.query(sql);
  const log = await database.query(`select from pgwatch.notification_log where channel = 'orders'`);
  expect(log.rows).toHaveLength(1 + 2 + 3 + 3 + 1);
  await expect(client.query('select from pgwatch.notification_log')).rejects.toMatchObject({
    code: '42501',
  });
});

it('a producer is granted exactly what the migrations grant to PUBLIC', async (test) => {
  const role = await createRole(test);
  const database = await createInstalledDatabase();
  onTestFinished(() => database.drop());
  const byDefault = await callable(database, role.name);
  expect(byDefault).toContain('smart_notify(text,jsonb,text)');
  await database.query('revoke execute on all functions in schema pgwatch, public from public');
  expect(await callable(database, role.name)).toEqual([]);
  await grantRights(database.db, { ...NOBODY, producer: [role.name] });
  expect(await callable(database, role.name)).toEqual(byDefault);
});

it('a consumer and a clean-up have no right to write the log, nor to change the schema', async (test) => {
  const consumer = await createRole(test);
  const cleanup = await createRole(test);
  const database = await hardened();
  await grantRights(database.db, {
    ...NOBODY,
    consumer: [consumer.name],
    cleanup: [cleanup.name],
  });
  const forbidden = [
    `insert into pgwatch.notification_log (channel, payload) values ('c', '1')`,
    'update pgwatch.notification_log set channel = channel',
    'truncate pgwatch.notification_log',
    'update pgwatch.installation set system_identifier = 1',
    'delete from pgwatch.consumer',
    'alter table pgwatch.consumer add column c int',
    'create table pgwatch.mine ()',
    'create trigger t after insert on pgwatch.consumer execute function notify_data_change()',
    `select nextval('pgwatch.notification_log_id_seq')`,
  ];
  for (const [role, more] of [
    [consumer, ['delete from pgwatch.notification_log']],
    [
      cleanup,
      [
        'update pgwatch.consumer_cursor set seen = seen',
        'delete from pgwatch.consumer_cursor',
        'delete from pgwatch.server_life',
      ],
    ],
  ] as const) {
    const client = await connect(database, role);
    await client.query('select from pgwatch.notification_log');
    for (const sql of [...forbidden, ...more]) {
      await expect(client.query(sql), sql).rejects.toMatchObject({ code: '42501' });
    }
  }
});

it('a role that does not exist is an error that suggests another one', async (test) => {
  const role = await createRole(test);
  const database = await createInstalledDatabase();
  onTestFinished(() => database.drop());
  const unknown = `${role.name}x`;
  const failure = await failureOf(grantRights(database.db, { ...NOBODY, consumer: [unknown] }));
  expect(failure.code).toBe('ROLE_UNKNOWN');
  expect(failure.message).toContain(`"${unknown}". Did you mean "${role.name}"?`);
  // PUBLIC is no role, and would be everybody.
  const everybody = await failureOf(grantRights(database.db, { ...NOBODY, consumer: ['public'] }));
  expect(everybody.code).toBe('ROLE_UNKNOWN');
});

it('a role that owns nothing cannot grant, and is told who can', async (test) => {
  const role = await createRole(test);
  const database = await createInstalledDatabase();
  onTestFinished(() => database.drop());
  await grantRights(database.db, { ...NOBODY, consumer: [role.name] });
  const { url } = { url: role.url(database.url) };
  const db = openAt(url, { poolSize: 1 });
  onTestFinished(() => db.close());
  const failure = await failureOf(grantRights(db, { ...NOBODY, consumer: [role.name] }));
  expect(failure.code).toBe('RIGHTS_MISSING');
  expect(failure.message).toMatch(new RegExp(`"${role.name}" cannot grant .* belong to \\w+`));
});

it('names are quoted, whatever they are', () => {
  const names = {
    schema: 'a "b"',
    functionsSchema: 'c;d',
    lockClass: 0,
    doorbellLock: 0,
    doorkeeperLock: 0,
    presenceLock: 0,
    migrationLock: 0,
  };
  const sql = grantStatements(names, { ...NOBODY, consumer: ['x"; drop role y; --'] }).join('\n');
  expect(sql).toContain('select on "a ""b"""."notification_log" to "x""; drop role y; --"');
});
