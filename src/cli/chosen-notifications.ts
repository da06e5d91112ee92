import type { Queryable } from '../db/queryable.ts';
import { PgwatchError } from '../errors.ts';
import { type NotificationFilter, parseCondition } from '../observe/notification-filter.ts';
import { byServersClock, type Period, parseTime, type TypedTime } from '../observe/time.ts';
import { shellWord } from '../shell-word.ts';
import type { ChangeOptions, ChosenNotifications } from './options.ts';

/** A filter whose times are as typed. */
interface TypedFilter extends Omit<NotificationFilter, keyof Period<unknown>>, Period<TypedTime> {}

/**
 * What was typed, to be made a filter of when there is a database.
 * @throws USAGE when something cannot be understood, or nothing was chosen
 */
export function parseChosen(chosen: ChosenNotifications): TypedFilter {
  const { ids, channels, since, until, key, where, dead, all } = chosen;
  const lists = [ids, channels, where];
  const isChosen =
    dead || all || lists.some((list) => list.length > 0) || [since, until, key].some(isGiven);
  if (!isChosen) {
    throw new PgwatchError('USAGE', {
      what: 'It is not said which notifications are meant.',
      hint: 'Choose with --id, --channel, --since, --until, --key, --where or --dead; or take all with --all. --dry-run shows how many they are.',
    });
  }
  return {
    ids: ids.length === 0 ? undefined : ids.map(parseId),
    channels: channels.length === 0 ? undefined : channels,
    since: since === undefined ? undefined : parseTime(since),
    until: until === undefined ? undefined : parseTime(until),
    key,
    where: where.map(parseCondition),
  };
}

/**
 * What was typed, as a filter. Once for what is counted and what is done: both mean the same.
 * @throws USAGE when it ends before it begins, as with two ages the wrong way round
 */
export async function filterOf(db: Queryable, typed: TypedFilter): Promise<NotificationFilter> {
  const { since, until } = await byServersClock(db, typed);
  if (since !== undefined && until !== undefined && since >= until) {
    throw new PgwatchError('USAGE', {
      what: `--since, ${since.toISOString()}, is not before --until, ${until.toISOString()}, so nothing could be meant.`,
      hint: 'The earlier time is --since; of two ages that is the greater: --since 2h --until 1h.',
    });
  }
  return { ...typed, since, until };
}

/** What tells why nothing can be done with what was named, as a line; empty where no id was. */
export function whereToAsk({ ids: [id], consumer }: ChangeOptions): string {
  if (id === undefined) return '';
  return `  → \`pgwatch explain ${id} ${shellWord(consumer)}\` tells how it stands.\n`;
}

function isGiven(text: string | undefined): boolean {
  return text !== undefined;
}

/** @throws USAGE */
export function parseId(text: string): number {
  const id = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(id) && id > 0) return id;
  throw new PgwatchError('USAGE', {
    what: `${JSON.stringify(text)} is no id of a notification.`,
    hint: 'Ids are whole numbers from 1; `pgwatch notify` prints them, and logs name them as id.',
  });
}
