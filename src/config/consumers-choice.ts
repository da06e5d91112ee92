import { isRecord } from '../is-record.ts';
import type { PgwatchConfig } from './pgwatch-config.ts';

/** What `consumers` may be: globs, or globs by app name. */
export type ConsumersChoice = NonNullable<PgwatchConfig['consumers']>;

const GLOBS = 'a glob or a list of globs';
const CONSUMERS = 'a glob, a list of globs, or an object of globs by app name';
const APP_NAME = 'an app name without commas, and without spaces around it';

/** Something wrong in a value of `consumers`, and the keys that lead to it. */
interface ConsumersFault {
  readonly keys: readonly (string | number)[];
  readonly expected: string;
  readonly found: unknown;
}

function globFaults(value: unknown, expected: string): ConsumersFault[] {
  if (Array.isArray(value)) {
    return value.flatMap((glob, index) =>
      isGlob(glob) ? [] : [{ keys: [index], expected: 'a glob', found: glob }],
    );
  }
  return isGlob(value) ? [] : [{ keys: [], expected, found: value }];
}

function isGlob(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}

/** A comma separates the apps of `--apps`. */
function isAppName(name: string): boolean {
  return name !== '' && name === name.trim() && !name.includes(',');
}

/** All that is wrong with a value of `consumers`. */
export function consumersFaults(value: unknown): ConsumersFault[] {
  if (!isRecord(value)) return globFaults(value, CONSUMERS);
  return Object.entries(value).flatMap(([app, globs]) => [
    ...(isAppName(app) ? [] : [{ keys: [app], expected: APP_NAME, found: app }]),
    ...globFaults(globs, GLOBS).map((fault) => ({ ...fault, keys: [app, ...fault.keys] })),
  ]);
}

export function isConsumers(value: unknown): value is ConsumersChoice {
  return consumersFaults(value).length === 0;
}
