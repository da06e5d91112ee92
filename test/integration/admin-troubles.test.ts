import { afterEach, beforeEach, expect, inject, it, onTestFinished } from 'vitest';
import { codeOf } from '../../src/db/sqlstate.ts';
import { type AdminClient, startAdmin } from '../support/admin-client.ts';
import { textOf } from '../support/admin-page.ts';
import { createInstalledDatabase, type InstalledDatabase } from '../support/installed-database.ts';
import { openAt } from '../support/open-database.ts';
import { query } from '../support/server-probe.ts';

// What the pages say when the database is not as they need it.

let database: InstalledDatabase;

beforeEach(async () => {
  database = await createInstalledDatabase();
});

afterEach(() => database.drop());

const PAGE = '/dead-letters';
const DEADLOCK_DETECTED = '40P01';

/** Connections that break meanwhile end with another error each. */
async function untilPageSays(admin: AdminClient, text: string): Promise<void> {
  await expect.poll(async () => textOf((await admin.get(PAGE)).body)).toContain(text);
}

function nameOf({ url }: InstalledDatabase): string {
  return new URL(url).pathname.slice(1);
}

it('says so when the database is gone', async () => {
  const admin = await startAdmin({ db: database.db });
  await query(inject('serverUrl'), `drop database ${nameOf(database)} with (force)`);
  await untilPageSays(admin, 'The database does not answer');
  expect((await admin.get(PAGE)).status).toBe(503);
  expect((await admin.get('/healthz')).status).toBe(200);
  expect((await admin.get('/readyz')).status).toBe(503);
});

it('says so while the database takes no connections, and goes on afterwards', async () => {
  const name = nameOf(database);
  const server = inject('serverUrl');
  const admin = await startAdmin({ db: database.db });
  await query(server, `alter database ${name} allow_connections false`);
  await query(
    server,
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`,
  );
  await untilPageSays(admin, 'The database does not answer');
  expect((await admin.get(PAGE)).status).toBe(503);
  await query(server, `alter database ${name} allow_connections true`);
  await untilPageSays(admin, 'There are no dead letters');
});

/** The page's own reads lock the same tables, in another order: whoever PostgreSQL ends tries again. */
async function dropSchema(): Promise<void> {
  for (;;) {
    try {
      await database.query('drop schema pgwatch cascade');
      return;
    } catch (error) {
      if (codeOf(error) !== DEADLOCK_DETECTED) throw error;
    }
  }
}

it('says what to do when the schema is gone', async () => {
  const admin = await startAdmin({ db: database.db });
  await dropSchema();
  const { status, body } = await admin.get(PAGE);
  expect(status).toBe(503);
  expect(textOf(body)).toContain('pgwatch is not installed in this database');
  expect(textOf(body)).toContain('Run `pgwatch migrate`');
});

it('says so when others have all of its connections', async () => {
  const db = openAt(database.url, { poolSize: 1, poolWaitSeconds: 0.1 });
  onTestFinished(() => db.close());
  const admin = await startAdmin({ db });
  const client = await db.pool.connect();
  const { status, body } = await admin.get(PAGE);
  client.release();
  expect(status).toBe(503);
  expect(textOf(body)).toContain('Too busy');
  await untilPageSays(admin, 'There are no dead letters');
});
