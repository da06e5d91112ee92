import { quoteIdentifier } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';

/** Why a notification stays although it is old enough to go. */
export type KeptBecause = 'unhandled' | 'retrying' | 'dead';

export interface PruneRules {
  readonly schema: string;
  readonly olderThan: Date;
  /** Which reasons to stay are to be heeded. */
  readonly heeded: readonly KeptBecause[];
  /** Only count. */
  readonly dryRun: boolean;
}

export interface PrunedBatch {
  /** The highest id that was looked at; undefined: there was none. */
  readonly lastId: number | undefined;
  /** Whether none of what was looked at is old: what comes after is newer still. */
  readonly allNew: boolean;
  readonly deletedByChannel: Readonly<Record<string, number>>;
  readonly kept: readonly KeptCount[];
  /** Old notifications that stay, each counted once. */
  readonly keptCount: number;
}

export interface KeptCount {
  readonly consumer: string;
  readonly because: KeptBecause;
  readonly count: number;
}

/**
 * Looks at the next rows of the log in the order of their ids and deletes those that are old and
 * that nobody wants any more, with what redelivery says of them. One short transaction; the order
 * of ids is close enough to that of times, so no index on time is needed.
 *
 * A consumer wants what is on its channels and not settled by its cursor (see cursor.ts), and what
 * it is to be given again. Where redelivery has a row, that row says what becomes of it.
 */
export async function pruneBatch(
  db: Queryable,
  { schema, olderThan, heeded, dryRun }: PruneRules,
  afterId: number,
  rows: number,
): Promise<PrunedBatch> {
  const [found] = await query<BatchRow>(db, pruneStatement(schema, dryRun), [
    afterId,
    rows,
    olderThan,
    heeded,
  ]);
  if (found === undefined) throw new Error('The clean-up gave no answer.');
  return {
    lastId: found.last_id === null ? undefined : Number(found.last_id),
    allNew: found.all_new,
    deletedByChannel: found.deleted ?? {},
    kept: found.kept ?? [],
    keptCount: Number(found.kept_count),
  };
}

interface BatchRow {
  last_id: string | number | null;
  all_new: boolean;
  deleted: Record<string, number> | null;
  kept: KeptCount[] | null;
  kept_count: string | number;
}

function pruneStatement(schema: string, dryRun: boolean): string {
  const table = (name: string) => `${quoteIdentifier(schema)}.${name}`;
  const goes = dryRun
    ? 'select gone.id, gone.channel from gone'
    : `delete from ${table('notification_log')} log using gone where log.id = gone.id
       returning log.id, log.channel`;
  const forgets = dryRun
    ? ''
    : `forgotten as (
         delete from ${table('redelivery')} r using gone where r.notification_id = gone.id
       ),`;
  return `
    with looked_at as materialized (
      select id, xid, channel, key, created_at
      from ${table('notification_log')}
      where id > $1
      order by id
      limit $2
    ),
    old as materialized (
      select id, xid, channel, key from looked_at where created_at < $3
    ),
    wanted as materialized (
      select old.id, consumer.name as consumer, 'unhandled' as because
      from old
      join ${table('consumer_cursor')} position on old.channel = any (position.channels)
      join ${table('consumer')} on consumer.id = position.consumer_id
      where 'unhandled' = any ($4::text[])
        and not pg_visible_in_snapshot(old.xid, position.seen)
        and (position.until is null
             or old.id > position.last_id
             or not pg_visible_in_snapshot(old.xid, position.until))
        and position.partition
          = ${table('partition_of')}(old.key, old.id, consumer.partitions)
        and not exists (
          select from ${table('redelivery')} r
          where r.notification_id = old.id and r.consumer_id = consumer.id)
      union all
      select old.id, consumer.name, case r.state when 'dead' then 'dead' when 'retry' then 'retrying' end
      from old
      join ${table('redelivery')} r on r.notification_id = old.id
      join ${table('consumer')} on consumer.id = r.consumer_id
      where case r.state when 'dead' then 'dead' when 'retry' then 'retrying' end = any ($4::text[])
    ),
    gone as materialized (
      select id, channel from old where id not in (select id from wanted)
    ),
    ${forgets}
    deleted as (${goes})
    select
      (select max(id) from looked_at) as last_id,
      not exists (select from old) as all_new,
      (select jsonb_object_agg(channel, number)
       from (select channel, count(*) as number from deleted group by channel) d) as deleted,
      (select jsonb_agg(jsonb_build_object('consumer', consumer, 'because', because, 'count', number))
       from (select consumer, because, count(*) as number from wanted group by 1, 2) w) as kept,
      (select count(distinct id) from wanted) as kept_count`;
}
