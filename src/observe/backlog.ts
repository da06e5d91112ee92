import { type Names, qualified } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';
import { waitingFor } from './waiting-rows.ts';

/** What a consumer's cursors have yet to come to. */
export interface Backlog {
  /** How many notifications are pending. */
  readonly pending: number;
  /** There are more: it is not counted further than so many for each partition. */
  readonly atLeast: boolean;
  /** When the oldest of them was written. */
  readonly oldest: Date | undefined;
}

/** Counting takes some 100 ms for so many. */
const COUNTED_AT_MOST = 100_000;

interface Row {
  consumer: string;
  pending: string | number;
  at_least: boolean;
  oldest: Date | null;
}

/** The backlogs of all consumers, by name. */
export async function readBacklogs(
  db: Queryable,
  names: Names,
): Promise<ReadonlyMap<string, Backlog>> {
  const rows = await query<Row>(db, backlogStatement(names), [COUNTED_AT_MOST]);
  return new Map(
    rows.map(({ consumer, pending, at_least: atLeast, oldest }) => [
      consumer,
      { pending: Number(pending), atLeast, oldest: oldest ?? undefined },
    ]),
  );
}

export function backlogStatement(names: Names): string {
  return `
    select c.name as consumer, sum(least(counted.count, $1)) as pending,
           bool_or(counted.count > $1) as at_least, min(counted.oldest) as oldest
    from ${qualified(names, 'consumer')} c
    join ${qualified(names, 'consumer_cursor')} p on p.consumer_id = c.id
    cross join lateral (
      select count(*) as count, min(waiting.created_at) as oldest
      from (${waitingFor(names, { limit: '$1 + 1', cursor: 'p' })}) waiting
    ) counted
    group by c.name`;
}
