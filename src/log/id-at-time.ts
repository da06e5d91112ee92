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
  range: IdRange,
  time: Date,
): Promise<number> {
  const [id = range.firstId] = await idsAtTimes(db, schema, range, [time]);
  return id;
}

/** The same for several times, in their order; in one round trip. */
export async function idsAtTimes(
  db: Queryable,
  schema: string,
  { firstId, lastId }: IdRange,
  times: readonly Date[],
): Promise<number[]> {
  const rows = await query<{ id: string | number }>(
    db,
    `with recursive bisected (number, time, low, high) as (
       select number, time, $2::bigint, $3::bigint + 1
       from unnest($1::timestamptz[]) with ordinality as given (time, number)
       union all
       select number, time,
              case when looked_at.old then middle + 1 else low end,
              case when looked_at.old then high else middle end
       from bisected
       cross join lateral (select (low + high) / 2 as middle) halves
       cross join lateral (
         select coalesce((
           select created_at < time from ${quoteIdentifier(schema)}.notification_log
           where id >= middle order by id limit 1), false) as old
       ) looked_at
       where low < high
     )
     select low as id from bisected where low >= high order by number`,
    [times, firstId, lastId],
  );
  return rows.map(({ id }) => Number(id));
}
