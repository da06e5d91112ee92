import { text } from 'node:stream/consumers';
import { PgwatchError } from '../errors.ts';
import { appendJson } from '../log/append.ts';
import { assertChannel } from '../log/channel.ts';
import type { CommandContext, NotifyOptions } from './options.ts';
import { withDatabase } from './with-database.ts';

/** Sends one notification and prints its id. */
export async function runNotify(
  context: CommandContext,
  { key }: NotifyOptions,
  channel: string,
  json: string,
): Promise<number> {
  assertChannel(channel);
  const payload = json === '-' ? await text(context.input) : json;
  assertJson(payload);
  const id = await withDatabase(context, 'schema', (db) =>
    appendJson(db.pool, channel, payload, {
      key: key ?? null,
      functionsSchema: db.names.functionsSchema,
    }),
  );
  context.output.write(`${id}\n`);
  return 0;
}

function assertJson(payload: string): void {
  try {
    JSON.parse(payload);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PgwatchError('PAYLOAD_INVALID', {
      what: `The payload is no JSON: ${reason}.`,
      hint: `Quote it for the shell, as in: pgwatch notify my_channel '{"event":"test"}'. A text needs its own quotes: '"text"'.`,
      cause,
    });
  }
}
