import { sql } from 'kysely';
import type { Database } from '../db/database.ts';
import { hasEnded, type LeaseOwner } from './lease-owner.ts';
import { asSnapshot, type Snapshot } from './snapshot.ts';

/** How a consumer is split into partitions. */
export interface Split {
  readonly partitions: number;
  /** It is about to be split otherwise, once all its cursors stand here. Undefined: it is not. */
  readonly closingAt: Snapshot | undefined;
}

/** A partition as another process sees it. */
export interface PartitionState {
  readonly number: number;
  /** Who runs it; undefined: nobody, or somebody whose lease has run out. */
  readonly owner: string | undefined;
  readonly secondsLeft: number;
  /** The split is closing, and this partition's cursor stands where all are to stand. */
  readonly closed: boolean;
}

export interface SplitState extends Split {
  /** In the order of their numbers. */
  readonly states: readonly PartitionState[];
  readonly paused: boolean;
  /** Another number than before: something of the consumer was changed from outside. */
  readonly steered: number;
}

/**
 * Reads how a consumer is split and who runs what. No lock, no write: it is asked often.
 * @param channels of the process that asks: a cursor of others has yet to be claimed for them
 * @returns undefined: there is no such consumer any more
 */
export async function readSplit(
  db: Pick<Database, 'kysely'>,
  consumerId: number,
  channels: readonly string[],
  self: LeaseOwner,
): Promise<SplitState | undefined> {
  const rows = await db.kysely
    .selectFrom('consumer')
    .innerJoin('consumer_cursor as position', 'position.consumer_id', 'consumer.id')
    .select(['consumer.partitions', 'consumer.closing_at', 'consumer.steered'])
    .select(sql<boolean>`consumer.paused_at is not null`.as('paused'))
    .select('position.partition')
    .select('position.lease_owner as owner')
    .select(
      sql<number>`greatest(0, date_part('epoch', position.lease_until - clock_timestamp()))`.as(
        'seconds',
      ),
    )
    .select(
      sql<boolean | null>`position.until is null and position.seen::text = consumer.closing_at::text
        and position.channels @> ${channels} and position.channels <@ ${channels}`.as('closed'),
    )
    .where('consumer.id', '=', consumerId)
    .orderBy('position.partition')
    .execute();
  const [first] = rows;
  if (first === undefined) {
    if (!(await exists(db, consumerId))) return undefined;
    throw new Error(`The consumer ${consumerId} has no cursor; pgwatch doctor tells what to do.`);
  }
  return {
    partitions: first.partitions,
    closingAt: first.closing_at === null ? undefined : asSnapshot(first.closing_at),
    paused: first.paused,
    steered: first.steered,
    states: rows.map(({ partition, owner, seconds, closed }) => ({
      number: partition,
      owner: owner !== null && seconds > 0 && !hasEnded(owner, self) ? owner : undefined,
      secondsLeft: seconds,
      closed: closed === true,
    })),
  };
}

async function exists({ kysely }: Pick<Database, 'kysely'>, consumerId: number): Promise<boolean> {
  const found = await kysely
    .selectFrom('consumer')
    .select('id')
    .where('id', '=', consumerId)
    .executeTakeFirst();
  return found !== undefined;
}

/** Until the first lease of another process runs out, unless it is renewed. */
export function msUntilOthersEnd({ states }: SplitState, own: LeaseOwner): number {
  const ends = states
    .filter(({ owner }) => owner !== undefined && owner !== own)
    .map(({ secondsLeft }) => Math.ceil(secondsLeft * 1000) + 1);
  return Math.min(...ends);
}
