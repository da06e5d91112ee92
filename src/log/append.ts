import { quoteIdentifier } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';
import { type ErrorParts, PgwatchError } from '../errors.ts';
import { assertKnownOptions } from '../known-options.ts';
import { stringifyJson } from '../stringify-json.ts';
import { assertChannel } from './channel.ts';

export interface SmartNotifyOptions {
  /** Notifications with the same key are handled in the order they were sent. Default: none. */
  readonly key?: string | null;
  /** Where smart_notify() is installed. Default: `public`. */
  readonly functionsSchema?: string;
}

const OPTIONS = ['key', 'functionsSchema'] as const satisfies readonly (keyof SmartNotifyOptions)[];

/**
 * Writes a notification to the log and returns its id. Written with a client or transaction, it is
 * sent when that commits, and never if it rolls back.
 *
 * @param payload anything that JSON can hold, nested a thousand levels deep or so; undefined stands
 *   for `{}`
 * @throws USAGE for options that do not exist, CHANNEL_INVALID, PAYLOAD_INVALID, before anything was sent to the database
 */
export async function smartNotify(
  db: Queryable,
  channel: string,
  payload: unknown = {},
  options: SmartNotifyOptions = {},
): Promise<number> {
  assertOptions('smartNotify()', options);
  return appendJson(db, channel, jsonOf(payload), options);
}

/** The same for a payload that is JSON text already. */
export async function appendJson(
  db: Queryable,
  channel: string,
  json: string,
  { key = null, functionsSchema = 'public' }: SmartNotifyOptions = {},
): Promise<number> {
  assertChannel(channel);
  assertStorableJson(json);
  assertStorableKey(key);
  const rows = await query<{ id: string | number }>(
    db,
    `select ${quoteIdentifier(functionsSchema)}.smart_notify($1, $2::jsonb, $3) as id`,
    [channel, json, key],
  );
  return Number(rows[0]?.id);
}

/**
 * Sends `{ event_type, data, timestamp }`, the time in seconds since 1970.
 * @param data what the event is about
 */
export async function sendCustomNotification(
  db: Queryable,
  channel: string,
  eventType: string,
  data: unknown = {},
  options: SmartNotifyOptions = {},
): Promise<number> {
  assertOptions('sendCustomNotification()', options);
  const timestamp = Date.now() / 1000;
  return smartNotify(db, channel, { event_type: eventType, data, timestamp }, options);
}

function assertOptions(subject: string, given: unknown): void {
  assertKnownOptions({ subject, given, known: OPTIONS, code: 'USAGE' });
}

function jsonOf(payload: unknown): string {
  try {
    return stringifyJson(payload);
  } catch (cause) {
    throw invalid(
      `The payload cannot be written as JSON: ${cause instanceof Error ? cause.message : String(cause)}.`,
      { hint: JSON_HINT, cause },
    );
  }
}

/**
 * Refuses the two things that are JSON but no jsonb: a NUL, half a surrogate pair. Found here, they
 * do not cost the caller a transaction. Not by parsing: a walk through the values would overflow
 * the stack at depths that PostgreSQL takes.
 */
function assertStorableJson(json: string): void {
  if (!json.isWellFormed()) throw unstorable('The payload has half a surrogate pair.', JSON_HINT);
  if (!json.includes('\\u')) return;
  for (const { 0: found, 1: unstorableUnit, index } of json.matchAll(ESCAPES)) {
    if (unstorableUnit === undefined) continue;
    throw unstorable(`The payload has ${found} at character ${index} of its JSON.`, JSON_HINT);
  }
}

/** A whole surrogate pair, or what cannot be stored alone (captured), or any other escape. */
const ESCAPES = /\\(?:ud[89ab][\da-f]{2}\\ud[c-f][\da-f]{2}|u(0000|d[89a-f][\da-f]{2})|.)/gi;

function assertStorableKey(key: string | null): void {
  if (key === null || (!key.includes('\0') && key.isWellFormed())) return;
  throw unstorable(`The key is ${JSON.stringify(key.slice(0, 80))}.`, 'Choose a plainer key.');
}

const JSON_HINT =
  'Send what JSON can hold: objects, arrays, strings, numbers, true, false and null.';

function unstorable(what: string, hint: string): PgwatchError {
  const why = 'PostgreSQL stores neither \\u0000 nor half a surrogate pair.';
  return invalid(what, { why, hint });
}

function invalid(what: string, parts: Omit<ErrorParts, 'what'>): PgwatchError {
  return new PgwatchError('PAYLOAD_INVALID', { what, ...parts });
}
