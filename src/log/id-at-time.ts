import { quoteIdentifier } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';

/** Ids of the log, both included. */
export interface IdRange {
  readonly firstId: number;
  readonly lastId: number;
}

/** The lowest and the highest id of the log; 0 and 0 when it is empty. */
export async function wholeLog(db: Queryable, schema: string): Promise<IdRange> {
  const [bounds] = await query<{ low: string | null; high: string | null }>(
    db,
    `select min(id)::text as low, max(id)::text as high
     from ${quoteIdentifier(schema)}.notification_log`,
    [],
  );
  return { firstId: Number(bounds?.low ?? 0), lastId: Number(bounds?.high ?? 0) };
}

/**
 * The id in this range from which on the log is no older than a time, about; one past the last when
 * all of it is. By bisection over the primary key: some twenty look-ups, whatever the log's size. Ids
 * and times run together, but for writers that are held up between taking the one and the other.
 */
export async function idAtTime(
  db: Queryable,
  schema: string,
  { firstId, lastId }: IdRange,
  time: Date,
): Promise<number> {
  let low = firstId;
  let high = lastId + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const [row] = await query<{ old: boolean }>(
      db,
      `select created_at < $2 as old from ${quoteIdentifier(schema)}.notification_log
       where id >= $1 order by id limit 1`,
      [middle, time],
    );
    if (row?.old === true) low = middle + 1;
    else high = middle;
  }
  return low;
}
