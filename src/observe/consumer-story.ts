import { type Names, qualified } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';
import { deliveriesOf } from './delivery-state.ts';
import type { Delivery, NotificationRecord } from './notification-record.ts';
import { IS_IN_WINDOW } from './pending-before.ts';

/** What one consumer has made of a notification, and why. */
export interface ConsumerStory extends Delivery {
  readonly partition: number;
  readonly partitions: number;
  readonly pausedAt: Date | undefined;
  /** Who holds the lease of its partition; see shownOwner(). */
  readonly owner: string | undefined;
  /** Whoever held it last has not handed it over. */
  readonly ownerIsLost: boolean;
  readonly leaseUntil: Date | undefined;
  /** When the cursor was last stored. */
  readonly storedAt: Date;
  /** Only of what is pending. */
  readonly pending: PendingStory | undefined;
  /** What it waits behind, or will: an earlier one of its key that is to be handled again. */
  readonly heldBy: Holder | undefined;
}

export interface PendingStory {
  /** The cursor is inside a window, and has come to this id. */
  readonly windowAt: number | undefined;
  /** Whether the notification lies in that window, or comes after it. */
  readonly inWindow: boolean;
  /** Its transaction was running when the stored cursor's snapshot was taken. */
  readonly wasRunning: boolean;
}

/** The redelivery that keeps a key. */
export interface Holder {
  readonly id: number;
  readonly attempts: number;
  /** Undefined: it waits itself. */
  readonly dueAt: Date | undefined;
  readonly error: string | undefined;
}

interface Row {
  consumer: string;
  partition: number;
  partitions: number;
  paused_at: Date | null;
  lease_owner: string | null;
  lease_until: Date | null;
  held: boolean;
  stored_at: Date;
  window_at: number | null;
  in_window: boolean;
  was_running: boolean;
  held_by: { id: number; attempts: number; due_at: string | null; error: string | null } | null;
}

export async function readConsumerStories(
  db: Queryable,
  names: Names,
  { id, deliveries }: Pick<NotificationRecord, 'id' | 'deliveries'>,
): Promise<readonly ConsumerStory[]> {
  const rows = await query<Row>(db, storiesStatement(names), [id]);
  const byName = new Map(rows.map((row) => [row.consumer, row]));
  return deliveries.flatMap((delivery) => {
    const row = byName.get(delivery.consumer);
    return row === undefined ? [] : [storyOf(delivery, row)];
  });
}

function storyOf(delivery: Delivery, row: Row): ConsumerStory {
  return {
    ...delivery,
    partition: row.partition,
    partitions: row.partitions,
    pausedAt: row.paused_at ?? undefined,
    owner: row.held ? (row.lease_owner ?? undefined) : undefined,
    ownerIsLost: !row.held && row.lease_owner !== null,
    leaseUntil: row.lease_until ?? undefined,
    storedAt: row.stored_at,
    pending:
      delivery.state === 'pending'
        ? {
            windowAt: row.window_at ?? undefined,
            inWindow: row.in_window,
            wasRunning: row.was_running,
          }
        : undefined,
    heldBy:
      row.held_by === null || !(delivery.state === 'pending' || delivery.waitsForKey)
        ? undefined
        : {
            id: row.held_by.id,
            attempts: row.held_by.attempts,
            dueAt: row.held_by.due_at === null ? undefined : new Date(row.held_by.due_at),
            error: row.held_by.error ?? undefined,
          },
  };
}

export function storiesStatement(names: Names): string {
  return `
    select c.name as consumer, p.partition, c.partitions, c.paused_at, p.lease_owner, p.lease_until,
           coalesce(p.lease_until > clock_timestamp(), false) as held, p.updated_at as stored_at,
           p.last_id as window_at, ${IS_IN_WINDOW} as in_window,
           log.xid = any (array(select pg_snapshot_xip(coalesce(p.until, p.seen)))) as was_running,
           (select jsonb_build_object(
              'id', e.notification_id, 'attempts', e.attempt,
              'due_at', nullif(e.due_at, 'infinity'), 'error', e.last_error)
            from ${qualified(names, 'redelivery')} e
            where e.consumer_id = c.id and e.state = 'retry' and e.notification_id < log.id
              and md5(e.key) = md5(log.key) and e.key = log.key
            order by e.due_at, e.notification_id limit 1) as held_by
    from ${qualified(names, 'notification_log')} log ${deliveriesOf(names)}
    where log.id = $1
    order by c.name`;
}
