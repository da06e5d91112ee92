import { quoteIdentifier } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';
import { PgwatchError } from '../errors.ts';
import { stringifyJson } from '../stringify-json.ts';
import { assertChannel } from './channel.ts';

export interface SmartNotifyOptions {
  /** Notifications with the same key are handled in the order they were sent. Default: none. */
  readonly key?: string | null;
  /** Where smart_notify() is installed. Default: `public`. */
  readonly functionsSchema?: string;
}

/**
 * Writes a notification to the log and returns its id. Written with a client or transaction, it is
 * sent when that commits, and never if it rolls back.
 *
 * @param payload anything that JSON can hold; undefined stands for `{}`
 * @throws CHANNEL_INVALID, PAYLOAD_INVALID, before anything was sent to the database
 */
export async function smartNotify(
  db: Queryable,
  channel: string,
  payload: unknown = {},
  options: SmartNotifyOptions = {},
): Promise<number> {
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
  assertStorable(json);
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
  const timestamp = Date.now() / 1000;
  return smartNotify(db, channel, { event_type: eventType, data, timestamp }, options);
}

function jsonOf(payload: unknown): string {
  try {
    return stringifyJson(payload);
  } catch (cause) {
    throw invalidPayload(
      `The payload cannot be written as JSON: ${cause instanceof Error ? cause.message : String(cause)}.`,
      undefined,
      cause,
    );
  }
}

/**
 * Refuses what PostgreSQL's jsonb would refuse: a NUL, half a surrogate pair. Found here, it does
 * not cost the caller a transaction.
 */
function assertStorable(json: string): void {
  if (!json.includes('\\u')) return; // neither can stand in JSON text unescaped
  JSON.parse(json, (key, value: unknown) => {
    for (const text of [key, value]) {
      if (typeof text !== 'string' || (!text.includes('\0') && text.isWellFormed())) continue;
      throw invalidPayload(
        `The payload has the text ${JSON.stringify(text.slice(0, 80))}.`,
        'PostgreSQL stores neither \\u0000 nor half a surrogate pair.',
      );
    }
    return value;
  });
}

function invalidPayload(what: string, why?: string, cause?: unknown): PgwatchError {
  return new PgwatchError('PAYLOAD_INVALID', {
    what,
    ...(why === undefined ? {} : { why }),
    hint: 'Send what JSON can hold: objects, arrays, strings, numbers, true, false and null.',
    ...(cause === undefined ? {} : { cause }),
  });
}
