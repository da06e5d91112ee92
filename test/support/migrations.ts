import type { Kysely } from 'kysely';
import { onTestFinished } from 'vitest';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { install } from '../../src/db/installation.ts';
import type { MigrationScript, MigrationStep } from '../../src/db/migration-script.ts';
import type { MigrationTarget } from '../../src/db/migration-steps.ts';
import { ownMigrations } from '../../src/db/own-migrations.ts';
import { PgwatchError } from '../../src/errors.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';

/** An empty database until the test ends. */
export async function emptyDatabase(): Promise<TestDatabase> {
  const test = await createTestDatabase();
  onTestFinished(() => test.drop());
  return test;
}

/** The place of an installation in it, which may not be there yet. Closed when the test ends. */
export function openInstallation(
  test: TestDatabase,
  schema = 'pgwatch',
  functionsSchema = 'public',
): Database {
  const db = openDatabase({ url: test.url, schema, functionsSchema, poolSize: 4 });
  onTestFinished(() => db.close());
  return db;
}

export const LATEST: MigrationTarget = { kind: 'latest' };

/** Migrates, and says what was done: `pgwatch up 0001_tables`. */
export async function migrate(
  db: Database,
  projectScripts: readonly MigrationScript[] = [],
  target = LATEST,
): Promise<string[]> {
  const changes: string[] = [];
  await install({
    db,
    projectScripts,
    target,
    onChange: (owner, { name, direction }) => changes.push(`${owner} ${direction} ${name}`),
  });
  return changes;
}

/** What migrate() says of an empty database. */
export async function ownChanges(db: Database): Promise<string[]> {
  return (await ownMigrations(db.names)).map(({ name }) => `pgwatch up ${name}`);
}

const sqlStep = (text: string): MigrationStep => ({ kind: 'sql', text });

export function sqlScript(name: string, up: string, down?: string): MigrationScript {
  return { name, up: sqlStep(up), down: down === undefined ? undefined : sqlStep(down) };
}

export function moduleScript(
  name: string,
  run: (transaction: Kysely<unknown>) => unknown,
): MigrationScript {
  return { name, up: { kind: 'function', run }, down: undefined };
}

/** The error that something ends with on purpose. */
export async function failureOf(work: Promise<unknown>): Promise<PgwatchError> {
  const error = await work.then(
    () => new Error('it succeeded'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof PgwatchError)) throw error;
  return error;
}

/** The tables of the schema `public`. */
export async function tablesOf(test: TestDatabase): Promise<string[]> {
  const { rows } = await test.query<{ name: string }>(
    `select tablename as name from pg_tables where schemaname = 'public' order by 1`,
  );
  return rows.map(({ name }) => name);
}

/** All schemas, tables and functions outside the catalogs, as `schema.name`. */
export async function objectsOf(test: TestDatabase): Promise<string[]> {
  const { rows } = await test.query<{ name: string }>(
    `select format('%s.%s', nspname, name) as name
     from (select relnamespace as namespace, relname as name from pg_class
           union all
           select pronamespace, proname from pg_proc
           union all
           select oid, '' from pg_namespace) objects
     join pg_namespace n on n.oid = namespace
     where nspname !~ '^pg_' and nspname <> 'information_schema'
     order by 1`,
  );
  return rows.map(({ name }) => name);
}
