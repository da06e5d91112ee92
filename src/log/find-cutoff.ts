import { quoteIdentifier } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';

/** The ids between which the old part of the log lies, about. */
export interface OldPart {
  readonly firstId: number;
  readonly lastId: number;
}

/**
 * Finds where the log becomes younger than a time, by bisection over the primary key: some twenty
 * look-ups, whatever the log's size. Ids and times run together closely enough to show progress by.
 */
export async function findOldPart(
  db: Queryable,
  schema: string,
  olderThan: Date,
): Promise<OldPart> {
  const log = `${quoteIdentifier(schema)}.notification_log`;
  const [bounds] = await query<{ low: string | null; high: string | null }>(
    db,
    `select min(id)::text as low, max(id)::text as high from ${log}`,
    [],
  );
  const firstId = Number(bounds?.low ?? 0);
  let low = firstId;
  let high = Number(bounds?.high ?? 0) + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const [row] = await query<{ old: boolean }>(
      db,
      `select created_at < $2 as old from ${log} where id >= $1 order by id limit 1`,
      [middle, olderThan],
    );
    if (row?.old === true) low = middle + 1;
    else high = middle;
  }
  return { firstId, lastId: low };
}
