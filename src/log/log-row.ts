/** A row of the log as the fetches give it. */
export interface LogRow {
  readonly id: number;
  readonly channel: string;
  readonly key: string | null;
  /** The payload's exact JSON text. */
  readonly json: string;
  /** Milliseconds since 1970. */
  readonly writtenAt: number;
}

/** The columns of a LogRow, in the order in which `logRowOf` reads them. */
export function logRowColumns(alias: string): string {
  return (
    `${alias}.id, ${alias}.channel, ${alias}.key, ${alias}.payload::text, ` +
    `date_part('epoch', ${alias}.created_at) * 1000`
  );
}

type LogRowValues = readonly [number, string, string | null, string, number];

/** `values` begins with the columns of `logRowColumns`. */
export function logRowOf([id, channel, key, json, writtenAt]: LogRowValues): LogRow {
  return { id, channel, key, json, writtenAt };
}

/**
 * What a payload takes as text, at most (about): a compressed one is taken for a hundred times its
 * size, which pglz and ordinary lz4 do not exceed. Asking the text itself would decompress all of
 * a batch on the server just to leave most of it out.
 */
export function estimatedBytes(alias: string): string {
  return (
    `(pg_column_size(${alias}.payload)::bigint * ` +
    `case when pg_column_compression(${alias}.payload) is null then 1 else 100 end)`
  );
}
