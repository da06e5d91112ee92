import type { Names } from '../db/names.ts';
import type { Queryable } from '../db/queryable.ts';
import { type IdRange, idAtTime, wholeLog } from '../log/id-at-time.ts';
import type { NotificationFilter } from './notification-filter.ts';

/** How far the order of ids and that of times may be apart: a writer that was held up. */
const SLACK_MS = 60_000;

/** The ids between which all lies that a filter's times can mean; there is no index on time. */
export async function idsWithin(
  db: Queryable,
  { schema }: Names,
  { since, until }: Pick<NotificationFilter, 'since' | 'until'>,
): Promise<IdRange> {
  const whole = await wholeLog(db, schema);
  const at = (time: Date, slackMs: number) =>
    idAtTime(db, schema, whole, new Date(time.getTime() + slackMs));
  return {
    firstId: since === undefined ? whole.firstId : await at(since, -SLACK_MS),
    lastId: until === undefined ? whole.lastId : await at(until, SLACK_MS),
  };
}
