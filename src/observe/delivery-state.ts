import { type Names, qualified } from '../db/names.ts';

/**
 * What has become of a notification for one consumer that has its channel.
 *
 *   pending   not handled yet; the cursor will come to it
 *   handled   its handler has returned
 *   retrying  will be handled again when it is due: it failed, waits behind one that did, or is replayed
 *   dead      a dead letter, attempted no more
 *   skipped   it was there before the consumer started, with `start: 'latest'`
 */
export type DeliveryState = 'pending' | 'handled' | 'retrying' | 'dead' | 'skipped';

/**
 * The rows that say what has become of a notification `log` for each consumer that has its channel: a
 * join of the tables as `c` (consumer), `p` (cursor) and `r` (redelivery, null where none stands).
 * Begins with `join`.
 */
export function deliveriesOf(names: Names): string {
  const partitionOf = `${qualified(names, 'partition_of')}(log.key, log.id, c.partitions)`;
  return `
    join ${qualified(names, 'consumer_cursor')} p on log.channel = any (p.channels)
    join ${qualified(names, 'consumer')} c on c.id = p.consumer_id and p.partition = ${partitionOf}
    left join ${qualified(names, 'redelivery')} r
      on r.consumer_id = c.id and r.notification_id = log.id`;
}

/** Whether the stored cursor `p` has passed the notification `log`: it is settled. */
export const IS_PASSED = `(pg_visible_in_snapshot(log.xid, p.seen)
  or (p.until is not null and log.id <= p.last_id and pg_visible_in_snapshot(log.xid, p.until)))`;

/**
 * The state, of the rows that `deliveriesOf` joins. What is derived (see docs/delivery.md) lags what
 * happens by as much as the stored cursor does: a tenth of a second.
 */
export const DELIVERY_STATE = `case
    when r.state = 'dead' then 'dead'
    when r.state = 'retry' then 'retrying'
    when r.state = 'handled' then 'handled'
    when pg_visible_in_snapshot(log.xid, c.start_seen) then 'skipped'
    when ${IS_PASSED} then 'handled'
    else 'pending'
  end`;
