import { Buffer } from 'node:buffer';
import { PgwatchError } from '../errors.ts';

/** PostgreSQL's own limit for the name of a channel, in bytes of UTF-8. */
const CHANNEL_MAX_BYTES = 63;

/**
 * Refuses what PostgreSQL would refuse, or would silently change, as the name of a channel: not a
 * string, empty, over 63 bytes of UTF-8, a NUL or half a surrogate pair in it. Everything else is
 * a channel, also spaces, quotes and upper case.
 *
 * @throws {PgwatchError} CHANNEL_INVALID
 */
export function assertChannel(name: unknown): asserts name is string {
  if (typeof name !== 'string') {
    throw invalid(`A channel is ${name === null ? 'null' : typeof name}.`, 'It must be a string.');
  }
  if (name === '') throw invalid('A channel has an empty name.', 'A name has 1 to 63 bytes.');
  const bytes = Buffer.byteLength(name);
  if (bytes > CHANNEL_MAX_BYTES) {
    throw invalid(
      `The channel "${name.slice(0, CHANNEL_MAX_BYTES)}…" has a name of ${bytes} bytes.`,
      `PostgreSQL allows ${CHANNEL_MAX_BYTES}, counted in UTF-8.`,
    );
  }
  if (name.includes('\0') || /\p{Surrogate}/u.test(name)) {
    throw invalid(
      `The channel ${JSON.stringify(name)} has a character that PostgreSQL cannot store.`,
      'A NUL and half a surrogate pair are no text in UTF-8.',
    );
  }
}

function invalid(what: string, why: string): PgwatchError {
  return new PgwatchError('CHANNEL_INVALID', {
    what,
    why,
    hint: 'Choose a short name, such as my_channel.',
  });
}
