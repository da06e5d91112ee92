import { type Queryable, query } from '../db/queryable.ts';
import { PgwatchError } from '../errors.ts';

const UNITS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

type Unit = keyof typeof UNITS;

const DATE = /^\d{4}-\d\d-\d\d$/;
const DATE_AND_TIME = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/;
const AGO = /^(?<amount>\d+(?:\.\d+)?)\s*(?<unit>[smhd])$/;

/** A time as typed. What it is, is known only once it is known what time it is now. */
export type TypedTime = (now: Date) => Date;

/**
 * A time as typed: `2026-11-24T10:00`, in this machine's time zone unless it names one, or an age:
 * `30s`, `15m`, `2h`, `1d`.
 * @throws USAGE
 */
export function parseTime(text: string): TypedTime {
  const typed = text.trim();
  const { amount, unit } = AGO.exec(typed)?.groups ?? {};
  const time: TypedTime =
    amount !== undefined && isUnit(unit)
      ? (now) => new Date(now.getTime() - Number(amount) * UNITS[unit])
      : () => dateOf(typed);
  if (!Number.isNaN(time(new Date(0)).getTime())) return time;
  throw new PgwatchError('USAGE', {
    what: `${JSON.stringify(text)} is no time.`,
    hint: 'Write a date and a time, such as 2026-11-24T10:00 or 2026-11-24T10:00Z, or how long ago: 30s, 15m, 2h, 1d.',
  });
}

/** From when, and until when; undefined where nothing was typed. */
export interface Period<Time> {
  readonly since: Time | undefined;
  readonly until: Time | undefined;
}

/**
 * Ages are counted from the server's now: by its clock are the times of the log, and this machine's
 * may be hours away from it. The server is asked once, and only where something was typed.
 */
export async function byServersClock(
  db: Queryable,
  { since, until }: Period<TypedTime>,
): Promise<Period<Date>> {
  if (since === undefined && until === undefined) return { since, until };
  const now = await serversNow(db);
  return { since: since?.(now), until: until?.(now) };
}

/** What time it is by the server's clock. */
export async function serversNow(db: Queryable): Promise<Date> {
  const [row] = await query<{ now: number }>(
    db,
    `select date_part('epoch', clock_timestamp()) * 1000 as now`,
    [],
  );
  if (row === undefined) throw new Error('The server did not tell its time.');
  return new Date(row.now);
}

/** A date alone is its midnight here; JavaScript would take it for UTC's. */
function dateOf(text: string): Date {
  if (!isDay(text.slice(0, 10))) return new Date(Number.NaN);
  if (DATE.test(text)) return new Date(`${text}T00:00`);
  return new Date(DATE_AND_TIME.test(text) ? text : Number.NaN);
}

/** JavaScript takes the 31st of November for the 1st of December, and the wrong ones would be replayed. */
function isDay(text: string): boolean {
  const day = new Date(`${text}T00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text);
}

function isUnit(text: string | undefined): text is Unit {
  return text !== undefined && Object.hasOwn(UNITS, text);
}
