import { Buffer } from 'node:buffer';
import * as v from 'valibot';
import { isRecord } from '../is-record.ts';
import { parseListenAddress } from '../listen-address.ts';
import { LOG_FORMATS, LOG_LEVELS } from '../log-level.ts';
import { suggest } from '../suggest.ts';
import { type ConfigProblem, showValue } from './config-problem.ts';
import { type ConsumersChoice, consumersFaults, isConsumers } from './consumers-choice.ts';
import { databaseUrlFault } from './database-url.ts';
import { METRICS_ADDRESS } from './defaults.ts';
import { type PgwatchConfig, WAKES } from './pgwatch-config.ts';

/** Just below the longest time that a timer of Node can run. */
const DAY = 86_400;
const MAX_SECONDS = 24 * DAY;

/** Every message below is what was expected; the value found is added when it is reported. */
function number(min: number, max: number) {
  const expected = `a number from ${min} to ${max}`;
  return v.optional(
    v.pipe(
      v.number(expected),
      v.check((found) => found >= min && found <= max, expected),
    ),
  );
}

function integer(min: number, max: number) {
  const expected = `a whole number from ${min} to ${max}`;
  return v.optional(
    v.pipe(
      v.number(expected),
      v.check((found) => Number.isInteger(found) && found >= min && found <= max, expected),
    ),
  );
}

function oneOf<const Choices extends readonly string[]>(choices: Choices) {
  return v.optional(v.picklist(choices, `one of ${choices.join(', ')}`));
}

function text(expected: string, isValid: (found: string) => boolean = (found) => found !== '') {
  return v.optional(v.pipe(v.string(expected), v.check(isValid, expected)));
}

const MAX_NAME_BYTES = 63;

/** PostgreSQL keeps names that start with "pg_" for itself. */
function isSchemaName(name: string): boolean {
  const bytes = Buffer.byteLength(name);
  if (bytes === 0 || bytes > MAX_NAME_BYTES || name.startsWith('pg_')) return false;
  return !name.includes('\0') && !/\p{Surrogate}/u.test(name);
}

const SCHEMA_NAME = 'a name of 1 to 63 bytes that does not start with "pg_"';

const LISTEN_ADDRESS = 'an address as "127.0.0.1:9464", true or false';

function isListenAddress(found: string): boolean {
  return parseListenAddress(found, METRICS_ADDRESS) !== undefined;
}

const NAMES = 'a list of host names';
const FIELDS = 'a list of column names and paths such as "new_data.card.number"';

function isField(found: string): boolean {
  return found.split('.').every((part) => part.trim() !== '');
}

/** What could be anything else in a link, or lead to another server, is none. */
function isPrefix(found: string): boolean {
  return /^(?:\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*\/?$/.test(found);
}

function isDatabase(text: string): boolean {
  return text === 'embedded' || databaseUrlFault(text) === undefined;
}

/** An object with these keys only. All unknown ones are reported, not just the first. */
function section<const Entries extends v.ObjectEntries>(entries: Entries) {
  return v.pipe(
    v.custom<Record<string, unknown>>(isRecord, 'an object'),
    v.looseObject(entries, 'an object'),
    v.rawCheck(({ dataset, addIssue }) => {
      const input: unknown = dataset.value;
      if (!isRecord(input)) return;
      for (const key of Object.keys(input).filter((key) => !Object.hasOwn(entries, key))) {
        addIssue({
          message: unknownKey(key, Object.keys(entries)),
          path: [{ type: 'object', origin: 'key', input, key, value: input[key] }],
        });
      }
    }),
  );
}

const UNKNOWN_KEY = 'there is no such key.';

function unknownKey(key: string, known: readonly string[]): string {
  return `${UNKNOWN_KEY}${suggest(key, known)}`;
}

const schema = section({
  database: text('a PostgreSQL URL or "embedded"', isDatabase),
  listenUrl: text('a PostgreSQL URL', (found) => databaseUrlFault(found) === undefined),
  preparedStatements: v.optional(v.boolean('true or false')),
  wake: oneOf(WAKES),
  pollSeconds: number(0.05, 3600),
  schema: text(SCHEMA_NAME, isSchemaName),
  functionsSchema: text(SCHEMA_NAME, isSchemaName),
  consumers: v.optional(v.custom<ConsumersChoice>(isConsumers)),
  migrations: text('a folder'),
  logLevel: oneOf(LOG_LEVELS),
  logFormat: oneOf(LOG_FORMATS),
  timeoutSeconds: number(0.1, DAY),
  maxBatchSize: integer(1, 10_000),
  maxBatchBytes: integer(1024, 1024 ** 3),
  reconnectDelaySeconds: number(0.01, 3600),
  queryTimeoutSeconds: number(1, 3600),
  shutdownTimeoutSeconds: number(0, DAY),
  leaseSeconds: number(1, 3600),
  handlerTimeoutSeconds: number(0.001, MAX_SECONDS),
  skipPlayback: v.optional(v.boolean('true or false')),
  retry: v.optional(
    section({
      maxAttempts: integer(1, 1_000_000),
      minDelaySeconds: number(0, MAX_SECONDS),
      maxDelaySeconds: number(0, MAX_SECONDS),
      factor: number(1, 100),
      jitter: number(0, 1),
    }),
  ),
  cleanup: v.optional(section({ days: number(0, 36_500) })),
  admin: v.optional(
    section({
      host: text('an address or a name'),
      port: integer(0, 65_535),
      prefix: text('a path such as "/pgwatch"', isPrefix),
      trustForwardedPrefix: v.optional(v.boolean('true or false')),
      trustForwardedFor: v.optional(v.boolean('true or false')),
      allowedHosts: v.optional(v.union([v.string(NAMES), v.array(v.string(NAMES), NAMES)], NAMES)),
    }),
  ),
  redact: v.optional(v.array(v.pipe(v.string(FIELDS), v.check(isField, FIELDS)), FIELDS)),
  poolSize: integer(1, 1000),
  metrics: v.optional(
    v.union([v.boolean(), text(LISTEN_ADDRESS, isListenAddress)], LISTEN_ADDRESS),
  ),
}) satisfies v.GenericSchema<unknown, PgwatchConfig>;

/**
 * Checks a configuration as a user gives it.
 * @param sourceOf names where the value at a path (`retry.factor`; empty: the whole) comes from
 */
export function checkConfig(
  input: unknown,
  sourceOf: (path: string) => Pick<ConfigProblem, 'source' | 'code'>,
): { config: PgwatchConfig; problems: ConfigProblem[] } {
  const result = v.safeParse(schema, input);
  if (result.success) return { config: result.output, problems: [] };
  const problems = result.issues.flatMap(({ message, path = [], input: found }) => {
    const keys = path.map(({ key }) => key);
    const faults =
      keys.join() === 'consumers'
        ? consumersFaults(found)
        : [{ keys: [], expected: message, found }];
    return faults.map((fault) => {
      const shown = shownKeys([...keys, ...fault.keys]);
      return { ...sourceOf(shown), ...faultOf(shown, fault.expected, fault.found) };
    });
  });
  return { config: {}, problems };
}

/** As one would write it in code: `consumers.shop[0]`, `consumers["a,b"]`. */
function shownKeys(keys: readonly unknown[]): string {
  const parts = keys.map((key) => {
    if (typeof key === 'number') return `[${key}]`;
    const name = String(key);
    return /^[\w$-]+$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
  });
  return parts.join('').replace(/^\./, '');
}

function faultOf(path: string, message: string, found: unknown): Omit<ConfigProblem, 'source'> {
  if (message.startsWith(UNKNOWN_KEY)) return { text: message };
  const isUrl = path === 'database' || path === 'listenUrl';
  const fault = isUrl && typeof found === 'string' ? databaseUrlFault(found) : undefined;
  if (fault === undefined || typeof found !== 'string')
    return { text: `expected ${message}, found ${showValue(found)}.` };
  const suggestion = path === 'database' ? suggest(found, ['embedded']) : '';
  return {
    text: `"${fault.shown}" is not a database URL. ${fault.why}${suggestion}`,
    code: 'DATABASE_URL_INVALID',
    hint: fault.hint,
  };
}
