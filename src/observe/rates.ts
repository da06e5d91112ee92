import { type Names, qualified } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';
import type { ConsumerStatus } from './consumer-status.ts';
import { IS_PASSED } from './delivery-state.ts';
import { waitingFor } from './waiting-rows.ts';

/** More are not counted. */
const COUNTED_AT_MOST = 1_000_000;

/**
 * How many notifications the stored cursors have passed since they were read before, by consumer. A
 * cursor is stored every tenth of a second while it moves.
 */
export async function countPassedSince(
  db: Queryable,
  names: Names,
  before: readonly ConsumerStatus[],
): Promise<ReadonlyMap<string, number>> {
  const positions = before.flatMap(({ consumer, channels, partitions }) =>
    partitions.map(({ partition, seen, until = null, lastId = null }) => ({
      consumer,
      channels,
      partition,
      seen,
      until,
      last_id: lastId,
    })),
  );
  const rows = await query<{ consumer: string; count: string | number }>(
    db,
    passedStatement(names),
    [COUNTED_AT_MOST, JSON.stringify(positions)],
  );
  return new Map(rows.map(({ consumer, count }) => [consumer, Number(count)]));
}

/**
 * Asks only for cursors that have moved, and looks no further than they have come: with a backlog of
 * millions before it, a cursor that stands still would otherwise be looked for in all of them.
 */
export function passedStatement(names: Names): string {
  const waiting = waitingFor(names, {
    limit: '$1',
    cursor: 'before',
    condition: IS_PASSED,
    upToId: 'coalesce(p.last_id, 9223372036854775807)',
  });
  return `
    select c.name as consumer, sum(counted.count) as count
    from jsonb_to_recordset($2::jsonb) as before (
      consumer text, channels text[], partition integer,
      seen pg_snapshot, until pg_snapshot, last_id bigint)
    join ${qualified(names, 'consumer')} c on c.name = before.consumer
    join ${qualified(names, 'consumer_cursor')} p
      on p.consumer_id = c.id and p.partition = before.partition
     and (p.seen::text, p.until::text, p.last_id)
         is distinct from (before.seen::text, before.until::text, before.last_id)
    cross join lateral (
      select count(*) as count from (${waiting}) passed
    ) counted
    group by c.name`;
}
