import { quoteIdentifier } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';
import { assertKnownOptions } from '../known-options.ts';
import { assertChannel } from './channel.ts';
import { assertStorableJson, assertStorableKey, payloadJson } from './payload.ts';
import { parseTraceparent } from './traceparent.ts';

export interface SmartNotifyOptions {
  /** Notifications with the same key are handled in the order they were sent. Default: none. */
  readonly key?: string | null;
  /** Where smart_notify() is installed. Default: `public`. */
  readonly functionsSchema?: string;
  /**
   * Where the sender is in a trace, as W3C Trace Context writes it (`00-…-…-01`); what is no such text
   * is left out without a word. Default: what the setting `pgwatch.traceparent` says.
   */
  readonly traceparent?: string | null | undefined;
}

const OPTIONS = [
  'key',
  'functionsSchema',
  'traceparent',
] as const satisfies readonly (keyof SmartNotifyOptions)[];

/**
 * Writes a notification to the log and returns its id. Written with a client or transaction, it is
 * sent when that commits, and never if it rolls back.
 *
 * @param payload anything that JSON can hold, nested a thousand levels deep or so; undefined stands
 *   for `{}`; a function or a symbol anywhere in it is refused
 * @throws USAGE for options that do not exist or a `db` that is none, CHANNEL_INVALID,
 *   PAYLOAD_INVALID, before anything was sent to the database
 */
export async function smartNotify(
  db: Queryable,
  channel: string,
  payload: unknown = {},
  options: SmartNotifyOptions = {},
): Promise<number> {
  assertOptions('smartNotify()', options);
  return appendJson(db, channel, payloadJson(payload), options);
}

/** The same for a payload that is JSON text already. */
export async function appendJson(
  db: Queryable,
  channel: string,
  json: string,
  { key = null, functionsSchema = 'public', traceparent }: SmartNotifyOptions = {},
): Promise<number> {
  assertChannel(channel);
  assertStorableJson(json);
  assertStorableKey(key);
  // The shorter call leaves the setting as it is.
  const given = parseTraceparent(traceparent) === undefined ? [] : [traceparent];
  const rows = await query<{ id: string | number }>(
    db,
    `select ${quoteIdentifier(functionsSchema)}.smart_notify($1, $2::jsonb, $3${given.length > 0 ? ', $4' : ''}) as id`,
    [channel, json, key, ...given],
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
