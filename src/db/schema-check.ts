import { sql } from 'kysely';
import { PgwatchError } from '../errors.ts';
import { suggest } from '../suggest.ts';
import type { Database } from './database.ts';
import { appliedMigrations } from './migration-bookkeeping.ts';
import { quoteIdentifier } from './names.ts';
import { ownMigrations } from './own-migrations.ts';

const OLDEST_SERVER_VERSION = 140000;

/** Refuses a server older than PostgreSQL 14. @throws DATABASE_VERSION_UNSUPPORTED */
export async function assertServerVersion(db: Database): Promise<void> {
  const { rows } = await sql<{ number: number; text: string }>`
    select current_setting('server_version_num')::int as number,
           current_setting('server_version') as text`.execute(db.kysely);
  const found = rows[0];
  if (found !== undefined && found.number < OLDEST_SERVER_VERSION) {
    throw new PgwatchError('DATABASE_VERSION_UNSUPPORTED', {
      what: `The server is PostgreSQL ${found.text}.`,
      why: 'pgwatch needs 14 or newer.',
      hint: 'Upgrade the server.',
    });
  }
}

/**
 * Makes sure that the database's schema is the one this program knows.
 * @throws SCHEMA_MISSING, SCHEMA_OUTDATED, SCHEMA_NEWER
 */
export async function assertSchema(db: Database): Promise<void> {
  const known = (await ownMigrations(db.names)).map(({ name }) => name);
  const applied = await appliedNames(db);
  const migrate = 'Run `pgwatch migrate` (or `pgwatch listen --migrate`).';
  if (applied.length === 0) {
    throw new PgwatchError('SCHEMA_MISSING', {
      what: `pgwatch is not installed in this database: there is no schema "${db.names.schema}" of its own.`,
      hint: migrate,
    });
  }
  assertNotNewer(db.names.schema, applied, known);
  const missing = known.filter((name) => !applied.includes(name));
  if (missing.length > 0) {
    throw new PgwatchError('SCHEMA_OUTDATED', {
      what: `The schema "${db.names.schema}" is older than this program: it lacks ${missing.join(', ')}.`,
      hint: migrate,
    });
  }
}

/** @throws SCHEMA_NEWER when the database has a migration that this program does not know */
export async function assertSchemaNotNewer(db: Database): Promise<void> {
  const known = (await ownMigrations(db.names)).map(({ name }) => name);
  assertNotNewer(db.names.schema, await appliedNames(db), known);
}

function assertNotNewer(
  schema: string,
  applied: readonly string[],
  known: readonly string[],
): void {
  const unknown = applied.filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  throw new PgwatchError('SCHEMA_NEWER', {
    what: `The schema "${schema}" is newer than this program: it has ${unknown.join(', ')}.`,
    why: 'A newer pgwatch has migrated it, and this one may misread it.',
    hint: 'Upgrade this pgwatch to the version that migrated the database.',
  });
}

async function appliedNames(db: Database): Promise<string[]> {
  return [...(await appliedMigrations(db.kysely, db.names.schema, 'pgwatch')).keys()];
}

/**
 * Makes sure that the functions users call have a schema to stand in. pgwatch creates its own only:
 * this one is the application's, who may use it, and whether it is in anybody's search_path, is not
 * for pgwatch to decide.
 * @throws FUNCTIONS_SCHEMA_MISSING
 */
export async function assertFunctionsSchema(db: Database): Promise<void> {
  const { schema, functionsSchema } = db.names;
  if (functionsSchema === schema) return;
  const { rows } = await sql<{ name: string }>`
    select nspname as name from pg_namespace where nspname !~ '^pg_'`.execute(db.kysely);
  const schemas = rows.map(({ name }) => name);
  if (schemas.includes(functionsSchema)) return;
  throw new PgwatchError('FUNCTIONS_SCHEMA_MISSING', {
    what: `There is no schema "${functionsSchema}" in this database, where smart_notify() and notify_data_change() are to stand.${suggest(functionsSchema, schemas)}`,
    why: 'pgwatch creates no schema but its own.',
    hint: `Run: create schema ${quoteIdentifier(functionsSchema)}; or correct functionsSchema in the configuration.`,
  });
}
