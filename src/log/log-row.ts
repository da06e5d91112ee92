/** A row of the log as the fetches give it. */
export interface LogRow {
  readonly id: number;
  readonly channel: string;
  readonly key: string | null;
  /**
   * The payload's exact JSON text; null: no program could hold it. Binary JSON of 256 MB can have
   * more text than a string of JavaScript, or a text of PostgreSQL, has room for: control
   * characters take six bytes there, and a number such as 1e100000 takes as many as it has digits.
   */
  readonly json: string | null;
  /** Milliseconds since 1970. */
  readonly writtenAt: number;
  /** Where its writer was in a trace; mostly null. */
  readonly traceparent: string | null;
}

export type LogRowValues = [number, string, string | null, string | null, number, string | null];

/** `values` begins with the columns of a LogRow. */
export function logRowOf(values: Readonly<LogRowValues>): LogRow {
  const [id, channel, key, json, writtenAt, traceparent] = values;
  return { id, channel, key, json, writtenAt, traceparent };
}

/** How much of the limit on bytes a row takes while it is held, about: its texts' length. */
export function heldBytes({ key, json }: LogRow): number {
  return (key?.length ?? 0) + (json?.length ?? 0);
}

/** When it was written, as a LogRow tells it. */
export const WRITTEN_AT = "date_part('epoch', created_at) * 1000";

/** Nothing limits a key but the room that a text has. To ask its length does not read it. */
export const KEY_BYTES = 'coalesce(octet_length(key), 0)';

/** Below this, whatever it holds, a payload's text fits everywhere: a byte makes 8,192 at most. */
export const SURELY_FITS_BYTES = 8_192;
