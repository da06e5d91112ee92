import { constants } from 'node:buffer';
import { type Names, qualified } from '../db/names.ts';

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
}

type LogRowValues = readonly [number, string, string | null, string | null, number];

const LOG_ROW_COLUMNS = 'id, channel, key, json, written_at';

/** The columns of a LogRow, made from those of the log. To be evaluated once: it is not cheap. */
export function logRowColumns(names: Names): string {
  return `id, channel, key, ${jsonText(names)} as json, date_part('epoch', created_at) * 1000 as written_at`;
}

/** `values` begins with the columns of a LogRow. */
export function logRowOf([id, channel, key, json, writtenAt]: LogRowValues): LogRow {
  return { id, channel, key, json, writtenAt };
}

/** How much of the limit on bytes a row takes while it is held, about: its texts' length. */
export function heldBytes({ key, json }: LogRow): number {
  return (key?.length ?? 0) + (json?.length ?? 0);
}

export interface RowsWithinBytes {
  /** What gives columns of the log, and `position`: the order, from 1. */
  readonly from: string;
  /** The parameter with the limit, in bytes of JSON text and keys. */
  readonly limit: string;
  /** Further columns of `from`, to come after those of a LogRow. */
  readonly carry?: readonly string[];
}

/**
 * A statement for the first rows of `from` that together keep to the limit; the very first in any
 * case. Measured twice: by an estimate, because to ask the text itself would decompress all of a
 * batch just to leave most of it out; and by the text, because the estimate knows nothing of
 * numbers and control characters.
 */
export function rowsWithinBytes(
  names: Names,
  { from, limit, carry = [] }: RowsWithinBytes,
): string {
  const carried = carry.map((column) => `, ${column}`).join('');
  // `offset 0`: the text is made once, not for each place that names it.
  return `
    select ${LOG_ROW_COLUMNS}${carried}
    from (
      select exact.*,
        sum(${EXACT_BYTES}) over (order by position rows unbounded preceding) as bytes
      from (
        select ${logRowColumns(names)}, position${carried}
        from (
          select found.*,
            sum(${ESTIMATED_BYTES}) over (order by position rows unbounded preceding) as bytes
          from ${from} found
        ) estimated
        where position = 1 or bytes <= ${limit}
        offset 0
      ) exact
    ) measured
    where position = 1 or bytes <= ${limit}
    order by position`;
}

/** Nothing limits a key but the room that a text has. To ask its length does not read it. */
const KEY_BYTES = 'coalesce(octet_length(key), 0)';

/**
 * What a row takes as text, about: a compressed payload is taken for a hundred times its size, which
 * pglz and ordinary lz4 do not exceed.
 */
export const ESTIMATED_BYTES = `${KEY_BYTES} + pg_column_size(payload)::bigint * case when pg_column_compression(payload) is null then 1 else 100 end`;

/** What it takes, where the text has been made. */
export const EXACT_BYTES = `${KEY_BYTES} + coalesce(octet_length(json), 0)`;

/** Below this, whatever it holds, a payload's text fits everywhere: a byte makes 8,192 at most. */
const SURELY_FITS_BYTES = 8_192;

function jsonText(names: Names): string {
  return `
    case
      when pg_column_size(payload) < ${SURELY_FITS_BYTES} and pg_column_compression(payload) is null
      then payload::text
      else ${qualified(names, 'text_of')}(payload, ${constants.MAX_STRING_LENGTH})
    end`;
}
