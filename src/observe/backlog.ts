import { type Names, qualified } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';
import { readWithin } from './reading.ts';
import { waitingFor } from './waiting-rows.ts';

/** What a consumer's cursors have yet to come to. */
export interface Backlog {
  /** How many notifications are pending. Undefined: they could not be counted in time. */
  readonly pending: number | undefined;
  /** There are more: it is not counted further than so many for each partition. */
  readonly atLeast: boolean;
  /** When the oldest of them was written. Undefined also where they could not be counted. */
  readonly oldest: Date | undefined;
}

/** Counting takes some 100 ms for so many. */
const COUNTED_AT_MOST = 100_000;
/** For all consumers together. */
const COUNT_WITHIN_MS = 3_000;
/**
 * For one: of one that stopped long ago on a quiet channel, all that was written since has to be
 * looked through for the few that are its own.
 */
const COUNT_ONE_WITHIN_MS = 1_000;

const NONE: Backlog = { pending: 0, atLeast: false, oldest: undefined };
export const NOT_COUNTED: Backlog = { pending: undefined, atLeast: true, oldest: undefined };

interface Row {
  pending: string | number;
  at_least: boolean;
  oldest: Date | null;
}

/** The backlogs of these consumers, by name. To be called in a transaction of reading(). */
export async function readBacklogs(
  db: Queryable,
  names: Names,
  consumers: readonly string[],
): Promise<ReadonlyMap<string, Backlog>> {
  const backlogs = new Map<string, Backlog>();
  const until = performance.now() + COUNT_WITHIN_MS;
  for (const consumer of consumers) {
    // What one does not need of its share is for those after it.
    const share = (until - performance.now()) / (consumers.length - backlogs.size);
    const counted = await readWithin(db, Math.min(share, COUNT_ONE_WITHIN_MS), () =>
      countBacklog(db, names, consumer),
    );
    backlogs.set(consumer, counted ?? NOT_COUNTED);
  }
  return backlogs;
}

async function countBacklog(db: Queryable, names: Names, consumer: string): Promise<Backlog> {
  const [row] = await query<Row>(db, backlogStatement(names), [COUNTED_AT_MOST, consumer]);
  if (row === undefined) return NONE;
  const { pending, at_least: atLeast, oldest } = row;
  return { pending: Number(pending), atLeast, oldest: oldest ?? undefined };
}

/** No row: it has no cursor. */
export function backlogStatement(names: Names): string {
  return `
    select sum(least(counted.count, $1)) as pending,
           bool_or(counted.count > $1) as at_least, min(counted.oldest) as oldest
    from ${qualified(names, 'consumer')} c
    join ${qualified(names, 'consumer_cursor')} p on p.consumer_id = c.id
    cross join lateral (
      select count(*) as count, min(waiting.created_at) as oldest
      from (${waitingFor(names, { limit: '$1 + 1', cursor: 'p' })}) waiting
    ) counted
    where c.name = $2
    group by c.name`;
}
