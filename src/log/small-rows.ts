import type { FetchLimits } from './fetch-limits.ts';
import { KEY_BYTES, type LogRow, SURELY_FITS_BYTES, WRITTEN_AT } from './log-row.ts';

/**
 * A statement for the rows of `from`, in any order, in the columns of a LogRow, and one more if wanted.
 * One that is not small comes without its text: a payload and key of more than the parameter `share`,
 * or one of which only the text itself would tell. So together they never exceed `share` times their
 * number, and nothing has to be added up: on a page of a thousand rows, adding up takes as long as
 * reading them.
 */
export function smallRows(from: string, share: string, more?: string): string {
  const isSmall = `octet_length(json) + ${KEY_BYTES} <= ${share}`;
  const also = more === undefined ? '' : `, ${more} as more`;
  const andMore = more === undefined ? '' : ', more';
  // `offset 0`: the text is made once, not for each place that names it.
  return `
    select id, channel, case when ${isSmall} then key end as key,
           case when ${isSmall} then json end as json, written_at, traceparent${andMore}
    from (
      select id, channel, key, ${WRITTEN_AT} as written_at, traceparent,
             case
               when pg_column_size(payload) + ${KEY_BYTES} < ${SURELY_FITS_BYTES}
                    and pg_column_compression(payload) is null
               then payload::text
             end as json${also}
      from ${from} given
      offset 0
    ) given`;
}

/** How many bytes each of the rows may have, so that all together keep to the limit. */
export function shareOf({ rows, bytes }: FetchLimits): number {
  return Math.floor(bytes / rows);
}

/** How many rows come before the first that is not small. */
export function smallOnes(rows: readonly LogRow[]): number {
  const large = rows.findIndex(({ json }) => json === null);
  return large < 0 ? rows.length : large;
}
