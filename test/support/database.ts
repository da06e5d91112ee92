import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';

export interface TestDatabase {
  readonly url: string;
  readonly pool: pg.Pool;
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(
    text: string,
    params?: readonly unknown[],
  ): Promise<pg.QueryResult<Row>>;
  /** A connection of its own, beside the pool; the caller ends it. */
  connect(): Promise<pg.Client>;
  /** Ends the pool and removes the database, whoever is still connected to it. */
  drop(): Promise<void>;
}

export interface TestDatabasePlace {
  /** Default: the server of this run. */
  readonly serverUrl?: string | undefined;
  /** The name of a database to copy, to which nobody may be connected. Default: none. */
  readonly template?: string | undefined;
}

/** An empty database, or a copy: one for each test file. */
export async function createTestDatabase({
  serverUrl = inject('serverUrl'),
  template = 'template1',
}: TestDatabasePlace = {}): Promise<TestDatabase> {
  const name = `pgwatch_test_${randomBytes(8).toString('hex')}`;
  await runOnServer(serverUrl, `create database ${name} template ${template}`);

  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const pool = new pg.Pool({ connectionString: url.href });
  pool.on('error', () => {
    // Tests kill backends and take servers away; whoever uses the pool next sees it.
  });
  return {
    url: url.href,
    pool,
    query: (text, params = []) => pool.query(text, [...params]),
    async connect() {
      const client = new pg.Client({ connectionString: url.href });
      client.on('error', () => {});
      await client.connect();
      return client;
    },
    async drop() {
      await runOnServer(serverUrl, `drop database if exists ${name} with (force)`);
      // A test that failed may have kept a client; that must not hold up the others.
      pool.end().catch(() => {});
    },
  };
}

async function runOnServer(serverUrl: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
