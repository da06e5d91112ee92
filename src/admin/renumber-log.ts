import { quoteIdentifier } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';

/**
 * How many transaction ids renumbering may take: those below must all have been given out, or what is
 * copied would look as if it were still to come.
 */
export async function xidsTaken(db: Queryable, schema: string): Promise<number> {
  const [row] = await query<{ taken: number }>(
    db,
    `select (select count(*) from ${quoteIdentifier(schema)}.consumer)::int
          + (select 2 * count(*) from ${quoteIdentifier(schema)}.consumer_cursor)::int
          + ${FIRST_XID} + 1 as taken`,
    [],
  );
  return row?.taken ?? FIRST_XID;
}

/** The first id that PostgreSQL gives to a transaction: every running cluster is far beyond it. */
const FIRST_XID = 3;

/**
 * Gives the rows of a copied log, and the snapshots that are compared with them, transaction ids that
 * are long past here, in a way that changes nothing of which row is visible in which snapshot. To be
 * called in a transaction that has locked the consumers and their cursors. Writes each row once.
 *
 * The ids of the other cluster mean nothing here, but as numbers they still tell what was visible in
 * what. Snapshots of one cluster are nested: each sees what an earlier one sees, and more. So, with
 * the snapshots numbered from 1 in the order of time, all there is to know of a row is the last one
 * that does not see it (0: all do). That becomes its new id, counted from 3; and snapshot number n
 * becomes the one that sees every id below 3 + n. Cursors, windows and starts keep their meaning,
 * however much is pending, and new transactions come after all of them.
 *
 * Rows that were written in the copy, before it was adopted, no snapshot has seen. They are known by
 * PostgreSQL's own stamp (xmin): theirs is the transaction that xid names or a later one (a
 * savepoint's), and xid is of the time since the installation was restored. What was restored has
 * the stamp of the restore.
 */
export async function renumberLog(db: Queryable, schema: string): Promise<void> {
  const table = (name: string) => `${quoteIdentifier(schema)}.${name}`;
  await query(
    db,
    `with boundary as materialized (
       select text, xmax, text::pg_snapshot as snapshot,
              row_number() over (order by xmax, running desc)::int as number
       from (
         select start_seen::text as text from ${table('consumer')}
         union
         select seen::text from ${table('consumer_cursor')}
         union
         select until::text from ${table('consumer_cursor')} where until is not null
       ) held
       cross join lateral (
         select pg_snapshot_xmax(text::pg_snapshot) as xmax,
                (select count(*) from pg_snapshot_xip(text::pg_snapshot)) as running
       ) parts
       where xmax > '1'::xid8 -- "before everything" is right as it is
     ),
     -- Transactions that began before a snapshot and ended after it.
     late as materialized (
       select xid, max(number) as number
       from boundary cross join lateral pg_snapshot_xip(snapshot) as xid
       group by xid
     ),
     known as materialized (
       select coalesce(array_agg(xmax order by number), '{}') as xmaxes,
              count(*)::int as snapshots,
              pg_current_xact_id() as now,
              (select ${asXid8('xmin')} from ${table('installation')}) as restored
       from boundary
     ),
     renumbered as (
       update ${table('notification_log')} log
       set xid = (${FIRST_XID} + case
         when log.xid >= known.restored and log.xid <= known.now and log.xid <= ${asXid8('log.xmin')}
         then known.snapshots
         else greatest(
           width_bucket(log.xid, known.xmaxes),
           (select late.number from late where late.xid = log.xid))
       end)::text::xid8
       from known
     ),
     started as (
       update ${table('consumer')} c
       set start_seen = ${renumbered('number')}
       from boundary where text = start_seen::text
     )
     update ${table('consumer_cursor')} p
     set seen = coalesce((select ${renumbered('number')} from boundary where text = seen::text), seen),
         until = coalesce((select ${renumbered('number')} from boundary where text = until::text), until)`,
    [],
  );
}

/** The transaction id that a stamp of 32 bits stands for: the last one that ends in them. */
function asXid8(stamp: string): string {
  return `(pg_current_xact_id()::text::bigint - age(${stamp}))::text::xid8`;
}

/** The snapshot that sees every row of which an earlier one than this is the last not to see it. */
function renumbered(number: string): string {
  return `format('%1$s:%1$s:', ${FIRST_XID} + ${number})::pg_snapshot`;
}
