import { PgwatchError } from '../../errors.ts';
import {
  type FieldCondition,
  type NotificationFilter,
  parseCondition,
} from '../../observe/notification-filter.ts';
import { byServersClock, parseTime } from '../../observe/time.ts';
import type { Redaction } from './redaction.ts';
import type { Site } from './site.ts';

/** More are nobody's, and more than a statement takes. */
const MOST_CONDITIONS = 50;

/** The fields of forms that choose notifications; `where` and `id` may come several times. */
const CHOICE_FIELDS = ['id', 'channel', 'key', 'since', 'until', 'where'] as const;

/**
 * What a form or an address chooses, as a filter. Several ids or conditions also stand on several lines.
 * @throws USAGE when something cannot be understood, or would tell what is not to be shown
 */
export async function chosenFilter(
  fields: URLSearchParams,
  { db, redaction }: Pick<Site, 'db' | 'redaction'>,
): Promise<NotificationFilter> {
  const one = (name: string) => fields.get(name)?.trim() || undefined;
  const list = (name: string, separator: RegExp) =>
    fields
      .getAll(name)
      .flatMap((text) => text.split(separator))
      .map((text) => text.trim())
      .filter((text) => text !== '');
  const [ids, where] = [list('id', /[\s,]+/), list('where', /\n/)];
  // Not parted at commas: a channel's name may have one.
  const channels = list('channel', /\n/);
  if (where.length > MOST_CONDITIONS) {
    throw new PgwatchError('USAGE', {
      what: `${where.length} conditions on fields are too many.`,
      hint: `Choose with ${MOST_CONDITIONS} at the most.`,
    });
  }
  const [since, until] = [one('since'), one('until')];
  const typed = {
    ids: ids.length === 0 ? undefined : ids.map(parseId),
    channels: channels.length === 0 ? undefined : channels,
    since: since === undefined ? undefined : parseTime(since),
    until: until === undefined ? undefined : parseTime(until),
    key: one('key'),
    where: where.map((text) => visibleCondition(text, redaction)),
  };
  return { ...typed, ...(await byServersClock(db.pool, typed)) };
}

/**
 * To be called before something is done: an empty field chooses nothing, so all would be meant. The
 * pages send none; a program may, out of a variable that has no value.
 * @throws USAGE
 */
export function assertNothingEmpty(fields: URLSearchParams): void {
  const empty = [...CHOICE_FIELDS, 'error'].find((name) =>
    fields.getAll(name).some((value) => value.trim() === ''),
  );
  if (empty === undefined) return;
  throw new PgwatchError('USAGE', {
    what: `The field "${empty}" is empty.`,
    why: 'Without it, more would be meant than was chosen.',
    hint: 'Fill the field, or leave it out to mean all.',
  });
}

/** What was chosen, to be sent along: only the fields that are filled. */
export function chosenFields(fields: URLSearchParams): [string, string][] {
  return CHOICE_FIELDS.flatMap((name) =>
    fields
      .getAll(name)
      .filter((value) => value.trim() !== '')
      .map((value): [string, string] => [name, value]),
  );
}

/** Whether it chooses by a key or a record's id, which may be made of what is redacted. */
export function isByKey({ key, where = [] }: NotificationFilter): boolean {
  return key !== undefined || where.some(({ path }) => path[0] === 'id');
}

function visibleCondition(text: string, redaction: Redaction) {
  const condition = parseCondition(text);
  assertVisible(condition, redaction);
  return condition;
}

/** @throws USAGE when to search for it would tell what is not to be shown */
export function assertVisible({ path, value }: FieldCondition, redaction: Redaction): void {
  if (!redaction.wouldReveal(path, value)) return;
  throw new PgwatchError('USAGE', {
    what: `It cannot be searched for ${path.join('.')}.`,
    why: 'To find it would tell what `redact` keeps from being shown.',
    hint: 'Search for something else, or use the command line.',
  });
}

function parseId(text: string): number {
  const id = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(id) && id > 0) return id;
  throw new PgwatchError('USAGE', {
    what: `${JSON.stringify(text)} is no id of a notification.`,
    hint: 'Ids are whole numbers from 1.',
  });
}
