import { constants } from 'node:buffer';
import { type Names, qualified } from '../db/names.ts';
import { KEY_BYTES, SURELY_FITS_BYTES, WRITTEN_AT } from './log-row.ts';

export interface RowsWithinBytes {
  /** What gives columns of the log, and `position`: the order, from 1. */
  readonly from: string;
  /** The parameter with the limit, in bytes of JSON text and keys. */
  readonly limit: string;
  /** Further columns of `from`, to come after those of a LogRow. */
  readonly carry?: readonly string[];
}

/**
 * A statement for the first rows of `from` that together keep to the limit, whatever they hold; the
 * very first in any case. Measured twice: by an estimate, because to ask the text itself would decompress all of a
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
    select id, channel, key, json, written_at, traceparent${carried}
    from (
      select exact.*,
        sum(${EXACT_BYTES}) over (order by position rows unbounded preceding) as bytes
      from (
        select id, channel, key, ${jsonText(names)} as json, ${WRITTEN_AT} as written_at,
               traceparent, position${carried}
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

/**
 * What a row takes as text, about: a compressed payload is taken for a hundred times its size, which
 * pglz and ordinary lz4 do not exceed.
 */
const ESTIMATED_BYTES = `${KEY_BYTES} + pg_column_size(payload)::bigint * case when pg_column_compression(payload) is null then 1 else 100 end`;

/** What it takes, where the text has been made. */
const EXACT_BYTES = `${KEY_BYTES} + coalesce(octet_length(json), 0)`;

function jsonText(names: Names): string {
  return `
    case
      when pg_column_size(payload) < ${SURELY_FITS_BYTES} and pg_column_compression(payload) is null
      then payload::text
      else ${qualified(names, 'text_of')}(payload, ${constants.MAX_STRING_LENGTH})
    end`;
}
