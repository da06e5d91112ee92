import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { type Names, namesOf } from './names.ts';
import type { Tables } from './tables.ts';

/** A database with an installation of pgwatch in it (or about to get one). */
export interface Database {
  readonly url: string;
  readonly names: Names;
  /** For what is measured in microseconds: named statements, rows as arrays. */
  readonly pool: pg.Pool;
  /** For everything else; the same pool, pgwatch's schema. */
  readonly kysely: Kysely<Tables>;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly url: string;
  readonly schema: string;
  readonly functionsSchema: string;
  /** Connections at the most. */
  readonly poolSize: number;
  /** Told when an idle connection breaks; the pool replaces it on its own. */
  readonly onIdleError?: (error: Error) => void;
}

const CONNECT_TIMEOUT_MS = 10_000;

/** Opens a pool; connects only when first used. The caller closes it. */
export function openDatabase(options: DatabaseOptions): Database {
  const names = namesOf(options.schema, options.functionsSchema);
  const pool = new pg.Pool({ ...connectionOptions(options.url), max: options.poolSize });
  pool.on('error', (error) => options.onIdleError?.(error));
  // One that breaks between two statements of a transaction: whoever runs the next one sees it.
  pool.on('connect', (client) => client.on('error', () => {}));
  const kysely = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  return {
    url: options.url,
    names,
    pool,
    kysely: kysely.withSchema(names.schema),
    close: () => kysely.destroy(),
  };
}

/** How every connection of pgwatch is made. */
export function connectionOptions(url: string): pg.ClientConfig {
  return {
    connectionString: url,
    application_name: 'pgwatch',
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    types: { getTypeParser },
  };
}

const INT8_OID = 20;

/** Ids as numbers: a bigserial reaches 2^53 after nine quadrillion rows. */
function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`bigint out of range: ${text}`);
  return value;
}

const getTypeParser: typeof pg.types.getTypeParser = (oid: number, format?: 'text' | 'binary') =>
  oid === INT8_OID && format !== 'binary' ? parseInt8 : pg.types.getTypeParser(oid, format);
