import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';

/** What the triggers of one installation are called, on every table it captures. */
export interface TriggerNames {
  /** For each row: updates, or all changes where statement triggers will not do. */
  readonly row: string;
  /** For each INSERT statement. */
  readonly insert: string;
  /** For each DELETE statement. */
  readonly delete: string;
}

/** So that the longest name stays below PostgreSQL's 63 bytes, at which it would be cut off. */
const SCHEMA_MAX_BYTES = 40;

/**
 * Triggers fire in the order of their names. An underscore comes before every letter, so a change
 * is captured before the table's other triggers can make more changes to the same row. The schema
 * tells installations apart that capture the same table.
 *
 * @param schema where pgwatch's tables are installed
 */
export function triggerNames(schema: string): TriggerNames {
  const installation =
    Buffer.byteLength(schema) <= SCHEMA_MAX_BYTES
      ? schema
      : createHash('sha256').update(schema).digest('hex').slice(0, SCHEMA_MAX_BYTES);
  const row = `_${installation}_capture`;
  return { row, insert: `${row}_insert`, delete: `${row}_delete` };
}
