import { PgwatchError } from '../../errors.ts';
import type { DeliveryState } from '../../observe/delivery-state.ts';
import type { FieldCondition, NotificationFilter } from '../../observe/notification-filter.ts';
import { assertVisible, chosenFilter, isByKey } from './chosen.ts';
import type { Site } from './site.ts';
import type { Query } from './visit.ts';

/** What is searched for, as the page's address says it. */
export interface NotificationChoice {
  readonly filter: NotificationFilter;
  readonly consumer: string | undefined;
  readonly state: DeliveryState | undefined;
  readonly beforeId: number | undefined;
  /** By a key or a record's id, which may be made of what is redacted. */
  readonly isByKey: boolean;
}

/** The fields of the form, in its order, and what each is called. */
export const CHOICES = {
  channel: 'Channel',
  table: 'Table',
  action: 'Action',
  record: 'Record id',
  key: 'Key',
  since: 'Written since',
  until: 'Written before',
  consumer: 'Consumer',
  state: 'State',
  where: 'Field',
  id: 'Id',
} as const satisfies Readonly<Record<string, string>>;

export type ChoiceName = keyof typeof CHOICES;

const CHOICE_NAMES = Object.keys(CHOICES).filter(isChoiceName);

export const STATES: readonly DeliveryState[] = [
  'pending',
  'handled',
  'retrying',
  'dead',
  'skipped',
];

/** What stands in a captured change's payload. */
const PAYLOAD_FIELDS = { table: 'table', action: 'action', record: 'id' } as const;

/** @throws USAGE when something cannot be understood, or would tell what is not to be shown */
export async function notificationChoice(
  fields: URLSearchParams,
  site: Pick<Site, 'db' | 'redaction'>,
): Promise<NotificationChoice> {
  const one = (name: string) => fields.get(name)?.trim() || undefined;
  const filter = await chosenFilter(fields, site);
  const ofPayload = Object.entries(PAYLOAD_FIELDS).flatMap(([name, field]): FieldCondition[] => {
    const value = one(name);
    return value === undefined ? [] : [{ path: [field], value }];
  });
  for (const condition of ofPayload) assertVisible(condition, site.redaction);
  const state = one('state');
  const consumer = one('consumer');
  if (state !== undefined && !isState(state)) {
    throw new PgwatchError('USAGE', {
      what: `${JSON.stringify(state)} is no state.`,
      hint: `States are ${STATES.join(', ')}.`,
    });
  }
  if (state !== undefined && consumer === undefined) {
    throw new PgwatchError('USAGE', {
      what: `It is not said for which consumer it is to be ${state}.`,
      hint: 'Choose a consumer as well.',
    });
  }
  const where = [...(filter.where ?? []), ...ofPayload];
  return {
    filter: { ...filter, where },
    consumer,
    state,
    beforeId: before(one('before')),
    isByKey: isByKey({ ...filter, where }),
  };
}

/** What is chosen, to be kept in links. */
export function chosen(fields: URLSearchParams): [ChoiceName, string][] {
  return CHOICE_NAMES.flatMap((name) =>
    fields
      .getAll(name)
      .filter((value) => value.trim() !== '')
      .map((value): [ChoiceName, string] => [name, value]),
  );
}

/** The query of a link that keeps what is chosen. @param without one of it */
export function queryOf(
  fields: URLSearchParams,
  { without, ...more }: Query & { readonly without?: string } = {},
): Query {
  const query: Record<string, string[]> = {};
  for (const [name, value] of chosen(fields)) {
    if (without === `${name}=${value}`) continue;
    query[name] = [...(query[name] ?? []), value];
  }
  return { ...query, ...more };
}

function before(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const id = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(id)) return id;
  throw new PgwatchError('USAGE', { what: `${JSON.stringify(text)} is no id of a notification.` });
}

function isChoiceName(name: string): name is ChoiceName {
  return Object.hasOwn(CHOICES, name);
}

function isState(text: string): text is DeliveryState {
  return STATES.some((state) => state === text);
}
