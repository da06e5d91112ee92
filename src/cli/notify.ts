import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Database } from '../db/database.ts';
import { PgwatchError } from '../errors.ts';
import { appendJson } from '../log/append.ts';
import { assertChannel } from '../log/channel.ts';
import { assertJsonText } from '../log/payload.ts';
import { suggest } from '../suggest.ts';
import type { CommandContext, NotifyOptions } from './options.ts';
import { withDatabase } from './with-database.ts';

const QUOTE_IT = `Quote it for the shell, as in: pgwatch notify my_channel '{"event":"test"}'. A text needs its own quotes: '"text"'.`;

/** Sends one notification and prints its id. */
export async function runNotify(
  context: CommandContext,
  { key }: NotifyOptions,
  channel: string,
  json: string,
): Promise<number> {
  assertChannel(channel);
  const payload = json === '-' ? await readPayload(context.input) : json;
  assertJsonText(payload, QUOTE_IT);
  await withDatabase(context, 'schema', async (db) => {
    const id = await appendJson(db.pool, channel, payload, {
      key: key ?? null,
      functionsSchema: db.names.functionsSchema,
    });
    context.output.write(`${id}\n`);
    await warnIfNobodyListens(context, db, channel);
  });
  return 0;
}

/** Sent all the same: the consumer may be about to come, and then gets it as playback. */
async function warnIfNobodyListens({ logger }: CommandContext, db: Database, channel: string) {
  const cursors = await db.kysely.selectFrom('consumer_cursor').select('channels').execute();
  const channels = cursors.flatMap((cursor) => cursor.channels);
  if (channels.includes(channel)) return;
  logger.warn(
    { channel },
    `no known consumer listens on this channel.${suggest(channel, channels)}`,
  );
}

/**
 * Standard input as text. A byte order mark, as Windows' programs write it, is left out. What is not
 * UTF-8 would otherwise be sent with its letters replaced, and nobody would notice.
 */
async function readPayload(input: Readable): Promise<string> {
  const bytes = await buffer(input);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new PgwatchError('PAYLOAD_INVALID', {
      what: 'The payload on standard input is not UTF-8.',
      why: 'JSON is, so nobody can tell which characters its bytes mean.',
      hint: 'Convert it first, as in: iconv -f latin1 -t utf-8 payload.json | pgwatch notify my_channel -',
      cause,
    });
  }
}
