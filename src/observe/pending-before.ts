import type { Pool } from 'pg';
import { type Names, qualified } from '../db/names.ts';
import { query } from '../db/queryable.ts';
import { codeOf, SQLSTATE } from '../db/sqlstate.ts';
import { deliveriesOf } from './delivery-state.ts';
import { reading } from './reading.ts';
import { noRedelivery, waitingFor } from './waiting-rows.ts';

/** What has to be handled before a pending notification. */
export interface PendingBefore {
  readonly count: number;
  /** There are more; it is not counted further. */
  readonly atLeast: boolean;
  /** The one that it is about now, or the next. Undefined: none, not all were counted, or in a playback. */
  readonly earliestId: number | undefined;
}

const COUNTED_AT_MOST = 10_000;
/** Behind a large backlog, to count even a few may read all of it. */
const COUNT_WITHIN_MS = 3_000;

/** Whether the window of the cursor `p`, if it has one, is to bring the row `log`. */
export const IS_IN_WINDOW = 'coalesce(pg_visible_in_snapshot(log.xid, p.until), false)';

/**
 * How many pending notifications come before one, by consumer; of its partition.
 * @returns undefined when that could not be counted in time
 */
export async function countPendingBefore(
  pool: Pool,
  names: Names,
  id: number,
): Promise<ReadonlyMap<string, PendingBefore> | undefined> {
  try {
    const rows = await reading(
      pool,
      (db) => query<Row>(db, beforeStatement(names), [id, COUNTED_AT_MOST]),
      { statementTimeoutMs: COUNT_WITHIN_MS },
    );
    return new Map(rows.map((row) => [row.consumer, pendingBeforeOf(row)]));
  } catch (error) {
    if (codeOf(error) === SQLSTATE.queryCanceled) return undefined;
    throw error;
  }
}

interface Row {
  consumer: string;
  before: string | number;
  earliest: string | number | null;
}

function pendingBeforeOf({ before, earliest }: Row): PendingBefore {
  const atLeast = Number(before) > COUNTED_AT_MOST;
  return {
    count: Math.min(Number(before), COUNTED_AT_MOST),
    atLeast,
    earliestId: atLeast || earliest === null ? undefined : Number(earliest),
  };
}

/** A window's rows come first, by id, then what became visible since. $1: the id, $2: counted at most. */
function beforeStatement(names: Names): string {
  const comesBefore = `log.id <> $1 and ${noRedelivery(names)} and case
    when p.until is null then log.id < $1
    when target.in_window then log.id < $1 and ${IS_IN_WINDOW}
    else log.id < $1 or ${IS_IN_WINDOW}
  end`;
  const before = waitingFor(names, { limit: '$2 + 1', cursor: 'p', condition: comesBefore });
  return `
    select c.name as consumer, before.before, before.earliest
    from ${qualified(names, 'notification_log')} log ${deliveriesOf(names)}
    cross join lateral (select ${IS_IN_WINDOW} as in_window) target
    cross join lateral (
      select least(count(*), $2 + 1) as before, case when p.until is null then min(before.id) end as earliest
      from (${before}) before
    ) before
    where log.id = $1`;
}
