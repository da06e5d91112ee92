import { createHash } from 'node:crypto';

/**
 * The names of one installation in a database. Several may live side by side, each in a schema of
 * its own; the schema's name tells apart their tables, doorbells and locks.
 */
export interface Names {
  /** The schema of the tables, unquoted. Also the channel of the doorbell. */
  readonly schema: string;
  /** The schema of smart_notify() and notify_data_change(), unquoted. */
  readonly functionsSchema: string;
  /** The first key of every advisory lock of pgwatch, to recognise them in pg_locks. */
  readonly lockClass: number;
  /** Held exclusively while the doorkeeper sleeps, shared by writers in flight. */
  readonly doorbellLock: number;
  /** Held by the process that is doorkeeper. */
  readonly doorkeeperLock: number;
  /** Held shared by every process that LISTENs. */
  readonly presenceLock: number;
  /** Held while migrating. */
  readonly migrationLock: number;
}

/** "pgwa" in ASCII. */
const LOCK_CLASS = 0x70677761;

export function namesOf(schema: string, functionsSchema: string): Names {
  const lockOf = (purpose: string) =>
    createHash('sha256').update(`${schema}\0${purpose}`).digest().readInt32BE(0);
  return {
    schema,
    functionsSchema,
    lockClass: LOCK_CLASS,
    doorbellLock: lockOf('doorbell'),
    doorkeeperLock: lockOf('doorkeeper'),
    presenceLock: lockOf('presence'),
    migrationLock: lockOf('migration'),
  };
}

/** A name as an SQL identifier. Not by pg's function: whoever only quotes need not load pg. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as an SQL literal, which means the same whatever `standard_conforming_strings` is. */
export function quoteLiteral(text: string): string {
  const doubled = text.replaceAll("'", "''");
  if (!text.includes('\\')) return `'${doubled}'`;
  // The space keeps the E apart from a word that ends right before it.
  return ` E'${doubled.replaceAll('\\', '\\\\')}'`;
}

/** One of pgwatch's own tables, qualified and quoted. */
export function qualified(names: Names, table: string): string {
  return `${quoteIdentifier(names.schema)}.${quoteIdentifier(table)}`;
}
