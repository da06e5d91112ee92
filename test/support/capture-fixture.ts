import pg from 'pg';
import { afterAll, beforeAll, beforeEach, type TestContext } from 'vitest';
import { createTriggerForTable } from '../../src/capture/triggers.ts';
import { openDatabase } from '../../src/db/database.ts';
import { install } from '../../src/db/installation.ts';
import { qualified, quoteIdentifier, quoteLiteral } from '../../src/db/names.ts';
import { type JsonObject, type JsonValue, parseJson } from '../../src/parse-json.ts';
import { createInstalledDatabase, type InstalledDatabase } from './installed-database.ts';
import { skipBecause } from './skip.ts';

/** A row of the log, its payload with every digit. */
export interface LoggedRow {
  readonly id: number;
  readonly key: string | null;
  readonly payload: JsonObject;
}

/** The two ways to capture a table. What they write must be the same. */
export const CAPTURES = [
  {
    by: 'the helper triggers',
    capture: (fixture: CaptureFixture, table: string, schema?: string) =>
      createTriggerForTable(fixture.database.pool, table, {
        channel: fixture.name,
        ...(schema === undefined ? {} : { schema }),
      }),
  },
  {
    by: 'a row trigger made by hand',
    capture: async (fixture: CaptureFixture, table: string, schema = 'public') => {
      await fixture.run(`
        create trigger changes
        after insert or update or delete on ${quoteIdentifier(schema)}.${quoteIdentifier(table)}
        for each row execute function notify_data_change(${quoteLiteral(fixture.name)})`);
    },
  },
] as const;

/**
 * What tests of capture share: one database for the file, and for each test a name that no other
 * uses, for its table and its channel.
 */
export class CaptureFixture {
  #database: InstalledDatabase | undefined;
  #tests = 0;

  constructor(names: { schema?: string; functionsSchema?: string } = {}) {
    beforeAll(async () => {
      this.#database = await createInstalledDatabase(names);
    });
    beforeEach(() => {
      this.#tests += 1;
    });
    afterAll(() => this.#database?.drop());
  }

  get database(): InstalledDatabase {
    if (this.#database === undefined) throw new Error('No test runs yet.');
    return this.#database;
  }

  get name(): string {
    return `t${this.#tests}`;
  }

  /** Installs pgwatch once more in the same database. */
  async installBeside(schema: string, functionsSchema: string): Promise<void> {
    const { url } = this.database;
    const db = openDatabase({ url, schema, functionsSchema, poolSize: 2 });
    await install({ db, projectScripts: [], target: { kind: 'latest' }, onChange: () => {} });
    await db.close();
  }

  async skipUnlessSuperuser(test: TestContext): Promise<void> {
    const isSuperuser = await this.value('select rolsuper from pg_roles where rolname = user');
    if (isSuperuser !== true) skipBecause(test, 'it needs a superuser of the test server');
  }

  async skipBeforeVersion(test: TestContext, major: number, reason: string): Promise<void> {
    const version = Number(await this.value("select current_setting('server_version_num')"));
    if (version < major * 10_000) skipBecause(test, `${reason} with PostgreSQL ${major}`);
  }

  /** Runs SQL, several statements too, in one implicit transaction. `$name` is the test's name. */
  async run(sql: string): Promise<void> {
    await this.database.query(sql.replaceAll('$name', this.name));
  }

  /** Works on one connection, as a role if one is given. It is closed afterwards. */
  async session<T>(work: (client: pg.Client) => Promise<T>, role?: string): Promise<T> {
    const client = new pg.Client({ connectionString: this.database.url });
    await client.connect();
    try {
      if (role !== undefined) await client.query(`set session authorization ${role}`);
      return await work(client);
    } finally {
      await client.end();
    }
  }

  /** What the log has on the test's channel, or another, in the order of the ids. */
  async log(channel = this.name): Promise<LoggedRow[]> {
    const { rows } = await this.database.query<{ id: string; key: string | null; json: string }>(
      `select id, key, payload::text as json from ${qualified(this.database.db.names, 'notification_log')}
       where channel = $1 order by id`,
      [channel],
    );
    return rows.map(({ id, key, json }) => ({ id: Number(id), key, payload: objectOf(json) }));
  }

  /** The same in short: `INSERT 1`, `UPDATE 1`, with the record ids. */
  async changes(channel = this.name): Promise<string[]> {
    return (await this.log(channel)).map(
      ({ payload }) => `${payload['action']} ${JSON.stringify(payload['id'])}`,
    );
  }

  /** What the first column of the first row holds. */
  async value(sql: string, params: readonly unknown[] = []): Promise<unknown> {
    const { rows } = await this.database.pool.query<unknown[]>({
      text: sql.replaceAll('$name', this.name),
      values: [...params],
      rowMode: 'array',
    });
    return rows[0]?.[0];
  }
}

function objectOf(json: string): JsonObject {
  const value: JsonValue = parseJson(json);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error(`Not a captured change: ${json}`);
  }
  return value;
}
