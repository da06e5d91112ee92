import { PgwatchError } from '../errors.ts';
import { type NotificationFilter, parseCondition } from '../observe/notification-filter.ts';
import { parseTime } from '../observe/time.ts';
import type { ChosenNotifications } from './options.ts';

/**
 * What was typed, as a filter.
 * @throws USAGE when something cannot be understood, or nothing was chosen
 */
export function filterOf(chosen: ChosenNotifications): NotificationFilter {
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
