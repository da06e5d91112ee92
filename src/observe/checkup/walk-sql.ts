import { type Names, qualified } from '../../db/names.ts';
import { DELIVERY_STATE, type DeliveryState } from '../delivery-state.ts';

/** Older ones may share their 32 bits with newer ones. */
export const XIDS_TIMED = 2 ** 31;

/** When a row was settled in the log: committed, where that is known, else written. $3: see Commits. */
function settledAt(commitsAreTimed: boolean): string {
  return commitsAreTimed
    ? `greatest(log.created_at,
         pg_xact_commit_timestamp(case when log.xid >= $3::text::xid8 then log.xid::xid end))`
    : 'case when $3::text is not null then log.created_at end';
}

/** The rows of a slice ($1 to $2), by bucket ($4: the bounds) and channel. */
export function groupsStatement(names: Names, commitsAreTimed: boolean): string {
  return `
    select width_bucket(log.xid, $4::xid8[]) as bucket, log.channel, count(*) as rows,
           max(${settledAt(commitsAreTimed)}) as settled_at
    from ${qualified(names, 'notification_log')} log
    where log.id > $1 and log.id <= $2
    group by 1, 2`;
}

/** What is noted of the rows of a slice ($1 to $2), by consumer, bucket ($3: the bounds) and channel. */
export function redeliveriesStatement(names: Names): string {
  return `
    select r.consumer_id, width_bucket(log.xid, $3::xid8[]) as bucket, log.channel,
           case r.state when 'retry' then 'retrying' else r.state end as state, count(*) as rows
    from ${qualified(names, 'redelivery')} r
    join ${qualified(names, 'notification_log')} log on log.id = r.notification_id
    where r.notification_id > $1 and r.notification_id <= $2
    group by 1, 2, 3, 4`;
}

/** Looks at each row of some buckets ($5) of a slice for each consumer. $6: how many ids to name. */
export function rowsStatement(names: Names, commitsAreTimed: boolean): string {
  const table = (name: string) => qualified(names, name);
  const count = (state: DeliveryState) => `count(*) filter (where state = '${state}') as ${state}`;
  const isLate = "state = 'handled' and derived and settled_at > stored_at";
  return `
    with wanted as materialized (
      select distinct p.consumer_id, ch.channel
      from ${table('consumer_cursor')} p cross join unnest(p.channels) as ch (channel)
    )
    select name as consumer, ${count('pending')}, ${count('handled')}, ${count('retrying')},
           ${count('dead')}, ${count('skipped')},
           count(*) filter (where state is null) as homeless,
           (array_agg(id order by id) filter (where state is null))[1:$6] as homeless_ids,
           count(*) filter (where ${isLate}) as late,
           (array_agg(id order by id) filter (where ${isLate}))[1:$6] as late_ids
    from (
      select c.name, log.id, p.updated_at as stored_at, r.notification_id is null as derived,
             case when p.partition is not null then ${DELIVERY_STATE} end as state,
             ${settledAt(commitsAreTimed)} as settled_at
      from ${table('notification_log')} log
      join wanted on wanted.channel = log.channel
      join ${table('consumer')} c on c.id = wanted.consumer_id
      left join ${table('consumer_cursor')} p
        on p.consumer_id = c.id and log.channel = any (p.channels)
        and p.partition = ${table('partition_of')}(log.key, log.id, c.partitions)
      left join ${table('redelivery')} r on r.consumer_id = c.id and r.notification_id = log.id
      where log.id > $1 and log.id <= $2 and width_bucket(log.xid, $4::xid8[]) = any ($5::int[])
      offset 0
    ) rows
    group by name`;
}
