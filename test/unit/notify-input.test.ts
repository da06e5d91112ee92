import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { runNotify } from '../../src/cli/notify.ts';
import { StrayErrors } from '../../src/lifecycle/stray-errors.ts';
import { createLogger } from '../../src/logger.ts';
import { resolveForTest } from '../support/resolved-config.ts';

/** Without a database: what is accepted fails for the lack of one. */
function notifyFrom(...chunks: readonly Uint8Array[]): Promise<number> {
  const context = {
    config: resolveForTest({ database: { kind: 'none' } }),
    logger: createLogger({ level: 'silent', format: 'json' }),
    output: {
      write: () => undefined,
      isTerminal: false,
      columns: Number.POSITIVE_INFINITY,
      rows: Number.POSITIVE_INFINITY,
      taken: async () => {},
      closed: new AbortController().signal,
    },
    input: Readable.from(chunks),
    env: {},
    strayErrors: new StrayErrors(() => 1),
  };
  return runNotify(context, { key: undefined }, 'my_channel', '-');
}

const JSON_TEXT = '{"name":"Zoë"}';
const UTF8 = Buffer.from(JSON_TEXT);

describe('a payload from standard input', () => {
  test.each([
    ['Latin-1', Buffer.from(JSON_TEXT, 'latin1')],
    ['UTF-16', Buffer.from(`\uFEFF${JSON_TEXT}`, 'utf16le')],
    ['cut off within a character', Buffer.from('"ë"').subarray(0, 2)],
  ])('that is %s is refused before the database is asked', async (_encoding, bytes) => {
    await expect(notifyFrom(bytes)).rejects.toMatchObject({
      code: 'PAYLOAD_INVALID',
      message: expect.stringContaining('is not UTF-8'),
      hint: expect.stringContaining('iconv'),
    });
  });

  test.each([
    ['that begins with a byte order mark', [Buffer.from('\uFEFF'), UTF8]],
    ['that holds U+FFFD itself', [Buffer.from('"\uFFFD"')]],
    ['whose chunks end within a character', [...UTF8].map((byte) => Uint8Array.of(byte))],
  ])('%s is taken', async (_kind, chunks) => {
    await expect(notifyFrom(...chunks)).rejects.toMatchObject({ code: 'DATABASE_MISSING' });
  });
});
