import { type Names, qualified } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';
import { wholeLog } from '../log/id-at-time.ts';
import { findWriters, type OldestWriter } from './oldest-writer.ts';

/**
 * Why the log has no such notification, as far as that can be known.
 *
 *   cleaned up        all ids up to here are gone from the log
 *   never given out   the sequence has not come to it
 *   unknown           higher than all that is visible, and this role may not ask the sequence
 *   perhaps open      a transaction runs that may have taken it: it may still commit
 *   over              no transaction runs that could have taken it: it was rolled back, the server
 *                     left it out in a crash, or a clean-up deleted it
 */
export type Absence = 'cleaned up' | 'never given out' | 'unknown' | 'perhaps open' | 'over';

export interface AbsentNotification {
  readonly kind: 'absent';
  /** When this was read, by the server's clock, as all times here. */
  readonly at: Date;
  readonly id: number;
  readonly absence: Absence;
  /** Of the log; 0 when it is empty. */
  readonly lowestId: number;
  readonly highestId: number;
  /** The last id that was given out; undefined where this role may not ask. */
  readonly lastGivenOut: number | undefined;
  /** When the next higher one of the log was written: about when this one was taken. */
  readonly takenBefore: Date | undefined;
  /** Transactions of this database that may have taken it, the oldest first. */
  readonly writers: readonly OldestWriter[];
  /** Other roles' transactions cannot be seen by this one. */
  readonly seesOwnOnly: boolean;
}

const WRITERS_LOOKED_AT = 1_000;
const WRITERS_NAMED = 5;
/** A writer may take its id, be held up, and write its time later. */
const SLACK_SECONDS = 60;

interface Row {
  last_given_out: number | null;
  taken_before: Date | null;
  seconds_ago: number | null;
  now: Date;
  database: string;
  sees_all: boolean;
}

export async function explainAbsence(
  db: Queryable,
  names: Names,
  id: number,
): Promise<AbsentNotification> {
  const log = qualified(names, 'notification_log');
  const { firstId: lowestId, lastId: highestId } = await wholeLog(db, names.schema);
  const [row] = await query<Row>(
    db,
    `select case when has_sequence_privilege(sequence, 'select, usage')
              then coalesce(pg_sequence_last_value(sequence::regclass), 0) end as last_given_out,
            next.created_at as taken_before,
            date_part('epoch', now - next.created_at) as seconds_ago, now,
            current_database()::text as database,
            pg_has_role('pg_read_all_stats', 'usage') as sees_all
     from pg_get_serial_sequence($1, 'id') as sequence
     cross join clock_timestamp() as now
     left join lateral (
       select created_at from ${log} where id > $2 order by id limit 1
     ) next on true`,
    [log, id],
  );
  if (row === undefined) throw new Error('The server did not tell of the sequence.');
  const lastGivenOut = row.last_given_out ?? undefined;
  const sinceSeconds = (row.seconds_ago ?? 0) - SLACK_SECONDS;
  const writers = (await findWriters(db, WRITERS_LOOKED_AT)).filter(
    ({ database, seconds }) => database === row.database && seconds >= sinceSeconds,
  );
  const base = {
    kind: 'absent',
    at: row.now,
    id,
    lowestId,
    highestId,
    lastGivenOut,
    takenBefore: row.taken_before ?? undefined,
    seesOwnOnly: !row.sees_all,
  } as const;
  const absence = absenceOf(base, writers.length > 0);
  const named = absence === 'perhaps open' ? writers.slice(0, WRITERS_NAMED) : [];
  return { ...base, absence, writers: named };
}

function absenceOf(
  {
    id,
    lowestId,
    highestId,
    lastGivenOut,
    seesOwnOnly,
  }: Omit<AbsentNotification, 'absence' | 'writers'>,
  isOneOpen: boolean,
): Absence {
  if (lastGivenOut !== undefined && id > lastGivenOut) return 'never given out';
  if (lastGivenOut === undefined && id > highestId) return 'unknown';
  if (isOneOpen) return 'perhaps open';
  if (lowestId === 0 || id < lowestId) return 'cleaned up';
  return seesOwnOnly ? 'perhaps open' : 'over';
}
