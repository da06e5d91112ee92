import { type Names, qualified } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';
import { type Backlog, NOT_COUNTED, readBacklogs } from './backlog.ts';

/**
 * How a consumer is, worst first: of one that is split, its worst partition counts.
 *
 *   no owner      its lease has run out and nobody has taken it: whoever ran it has died
 *   stopped       nobody runs it, and whoever did has handed it over; or it has no cursor
 *   paused        `pgwatch pause`; nobody is to run it
 *   catching up   plays back what it missed, its oldest pending notification waits for 10 s, or what is
 *                 pending could not be counted in time
 *   live          handles what comes
 */
export type ConsumerState = 'no owner' | 'stopped' | 'paused' | 'catching up' | 'live';

export interface ConsumerStatus extends Backlog {
  readonly consumer: string;
  readonly state: ConsumerState;
  /** Those of whoever ran it last. */
  readonly channels: readonly string[];
  readonly partitions: readonly PartitionStatus[];
  /** Waits to be handled again: failed, behind one that did, or replayed. */
  readonly retrying: number;
  /** When the next of them is due. */
  readonly nextDueAt: Date | undefined;
  readonly dead: number;
  readonly lastError: LastError | undefined;
  readonly pausedAt: Date | undefined;
  readonly createdAt: Date;
  /** When this was read, by the server's clock, as all times here. */
  readonly at: Date;
}

export interface PartitionStatus {
  readonly partition: number;
  /** Who holds its lease; see shownOwner(). Undefined: nobody does. */
  readonly owner: string | undefined;
  /** When the lease runs out unless it is renewed. */
  readonly leaseUntil: Date | undefined;
  /** Goes up whenever somebody takes over. */
  readonly epoch: number;
  /** Everything visible in this snapshot is settled. */
  readonly seen: string;
  /** In a window: settled is what is visible here and has an id of at most `lastId`. */
  readonly until: string | undefined;
  readonly lastId: number | undefined;
  /** When the cursor was last stored. */
  readonly storedAt: Date;
}

export interface LastError {
  readonly notificationId: number;
  readonly error: string;
  readonly at: Date;
}

/** How long something may wait for a consumer that is called live. */
const LIVE_WITHIN_MS = 10_000;

interface ConsumerRow {
  consumer: string;
  channels: string[];
  created_at: Date;
  paused_at: Date | null;
  partitions: PartitionRow[];
  retrying: string | number;
  dead: string | number;
  next_due_at: Date | null;
  last_error: { id: number; error: string; at: string } | null;
  now: Date;
}

interface PartitionRow {
  partition: number;
  owner: string | null;
  lease_until: string | null;
  held: boolean;
  epoch: number;
  seen: string;
  until: string | null;
  last_id: number | null;
  stored_at: string;
}

/**
 * All consumers that the database knows, those with problems first, then by name. To be called in a
 * transaction of reading().
 */
export async function readConsumers(
  db: Queryable,
  names: Names,
): Promise<readonly ConsumerStatus[]> {
  const rows = await query<ConsumerRow>(db, consumersStatement(names), []);
  const consumers = rows.map(({ consumer }) => consumer);
  const backlogs = await readBacklogs(db, names, consumers);
  return rows
    .map((row) => statusOf(row, backlogs.get(row.consumer) ?? NOT_COUNTED))
    .sort((a, b) => severity(a) - severity(b) || (a.consumer < b.consumer ? -1 : 1));
}

const SEVERITY: Readonly<Record<ConsumerState, number>> = {
  'no owner': 0,
  stopped: 1,
  'catching up': 3,
  paused: 4,
  live: 5,
};

function severity({ state, dead, retrying, lastError }: ConsumerStatus): number {
  if (state === 'no owner' || state === 'stopped') return SEVERITY[state];
  if (dead > 0) return 2;
  return retrying > 0 && lastError !== undefined ? 2.5 : SEVERITY[state];
}

function statusOf(row: ConsumerRow, backlog: Backlog): ConsumerStatus {
  return {
    consumer: row.consumer,
    state: stateOf(row, backlog),
    channels: row.channels,
    partitions: row.partitions.map(partitionOf),
    ...backlog,
    retrying: Number(row.retrying),
    nextDueAt: row.next_due_at ?? undefined,
    dead: Number(row.dead),
    lastError: row.last_error
      ? {
          notificationId: row.last_error.id,
          error: row.last_error.error,
          at: new Date(row.last_error.at),
        }
      : undefined,
    pausedAt: row.paused_at ?? undefined,
    createdAt: row.created_at,
    at: row.now,
  };
}

function stateOf(
  { paused_at, partitions, now }: ConsumerRow,
  { pending, oldest }: Backlog,
): ConsumerState {
  if (paused_at !== null) return 'paused';
  if (partitions.some(({ held, owner }) => !held && owner !== null)) return 'no owner';
  if (partitions.length === 0 || partitions.some(({ held }) => !held)) return 'stopped';
  if (pending === undefined || partitions.some(({ until }) => until !== null)) return 'catching up';
  const waits = oldest !== undefined && now.getTime() - oldest.getTime() > LIVE_WITHIN_MS;
  return waits ? 'catching up' : 'live';
}

function partitionOf(row: PartitionRow): PartitionStatus {
  return {
    partition: row.partition,
    owner: row.held && row.owner !== null ? row.owner : undefined,
    leaseUntil: row.held && row.lease_until !== null ? new Date(row.lease_until) : undefined,
    epoch: row.epoch,
    seen: row.seen,
    until: row.until ?? undefined,
    lastId: row.last_id ?? undefined,
    storedAt: new Date(row.stored_at),
  };
}

function consumersStatement(names: Names): string {
  const redelivery = qualified(names, 'redelivery');
  return `
    select c.name as consumer, c.created_at, c.paused_at, clock_timestamp() as now,
           (select coalesce(array_agg(distinct channel order by channel), '{}')
            from ${qualified(names, 'consumer_cursor')} p, unnest(p.channels) as channel
            where p.consumer_id = c.id) as channels,
           (select coalesce(jsonb_agg(jsonb_build_object(
                     'partition', p.partition, 'owner', p.lease_owner,
                     'lease_until', p.lease_until,
                     'held', coalesce(p.lease_until > clock_timestamp(), false),
                     'epoch', p.epoch, 'seen', p.seen::text, 'until', p.until::text,
                     'last_id', p.last_id, 'stored_at', p.updated_at)
                   order by p.partition), '[]')
            from ${qualified(names, 'consumer_cursor')} p
            where p.consumer_id = c.id) as partitions,
           counts.retrying, counts.dead, counts.next_due_at,
           (select jsonb_build_object('id', r.notification_id, 'error', r.last_error, 'at', r.updated_at)
            from ${redelivery} r
            where r.consumer_id = c.id and r.last_error is not null and r.state <> 'handled'
            order by r.updated_at desc limit 1) as last_error
    from ${qualified(names, 'consumer')} c
    cross join lateral (
      select count(*) filter (where r.state = 'retry') as retrying,
             count(*) filter (where r.state = 'dead') as dead,
             min(r.due_at) filter (where r.state = 'retry' and r.due_at < 'infinity') as next_due_at
      from ${redelivery} r where r.consumer_id = c.id
    ) counts
    order by c.name`;
}
