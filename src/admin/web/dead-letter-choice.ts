import { chosenFields } from './chosen.ts';

/** Which dead letters a page is about, as its address says. */
export interface DeadLetterChoice {
  readonly consumer: string | undefined;
  /** As an ErrorGroup has it; empty: those of which no error is known. */
  readonly error: string | undefined;
  readonly channel: string | undefined;
  readonly since: string | undefined;
  readonly until: string | undefined;
  readonly key: string | undefined;
  readonly beforeId: number | undefined;
}

export function deadLetterChoice(fields: URLSearchParams): DeadLetterChoice {
  const one = (name: string) => fields.get(name)?.trim() || undefined;
  const before = Number(one('before'));
  return {
    consumer: one('consumer'),
    error: errorIn(fields),
    channel: one('channel'),
    since: one('since'),
    until: one('until'),
    key: one('key'),
    beforeId: Number.isSafeInteger(before) ? before : undefined,
  };
}

/** As fields of an address or a form, without the page. */
export function fieldsOf(choice: DeadLetterChoice): [string, string][] {
  const { consumer, error, channel, since, until, key } = choice;
  return Object.entries({ consumer, error, channel, since, until, key }).flatMap(
    ([name, value]): [string, string][] => (value === undefined ? [] : [[name, value]]),
  );
}

/** All that a request says of which are meant, also those that are selected. */
export function sentFields(fields: URLSearchParams): [string, string][] {
  const { consumer, error } = deadLetterChoice(fields);
  return [
    ...(consumer === undefined ? [] : [['consumer', consumer] as [string, string]]),
    ...(error === undefined ? [] : [['error', error] as [string, string]]),
    ...chosenFields(fields),
  ];
}

/** Not trimmed: an error may begin with a space. An empty field of a form means all. */
function errorIn(fields: URLSearchParams): string | undefined {
  const error = fields.get('error');
  return error === null || error === '' ? undefined : error;
}
