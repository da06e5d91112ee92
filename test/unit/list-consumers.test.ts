import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { runListConsumers } from '../../src/cli/list-consumers.ts';
import type { ListConsumersOptions } from '../../src/cli/options.ts';
import type { ConsumerGlobs } from '../../src/config/resolved-config.ts';
import { StrayErrors } from '../../src/lifecycle/stray-errors.ts';
import { createLogger } from '../../src/logger.ts';
import { resolveForTest } from '../support/resolved-config.ts';
import { folderWith } from '../support/temporary-folder.ts';

const ORDERS = `import { BaseConsumer } from 'pgwatch';
  export class Orders extends BaseConsumer {
    static consumerId = 'orders';
    static channels = ['data_change', 'odd, "name"'];
    handleNotification() {}
  }`;

const WELCOME = `import { defineConsumer } from 'pgwatch';
  export const welcome = defineConsumer({ id: 'welcome_email', handle() {} });`;

const BROKEN = `
throw new Error('no answer from postgres://app:secret@db/app');`;

const SHOP_AND_MAIL = { 'consumers/shop/orders.ts': ORDERS, 'consumers/mail/welcome.ts': WELCOME };

async function list(
  files: Readonly<Record<string, string>>,
  options: Partial<ListConsumersOptions> = {},
  consumers: ConsumerGlobs = { kind: 'globs', globs: ['consumers/**/*.ts'] },
) {
  const root = await folderWith({ 'package.json': '{"type":"module"}', ...files });
  const written: string[] = [];
  const context = {
    config: resolveForTest({ root, consumers }),
    logger: createLogger({ level: 'silent', format: 'json' }),
    output: {
      write: (text: string) => void written.push(text),
      isTerminal: false,
      columns: Number.POSITIVE_INFINITY,
      rows: Number.POSITIVE_INFINITY,
      taken: async () => {},
      closed: new AbortController().signal,
    },
    input: Readable.from([]),
    env: {},
    strayErrors: new StrayErrors(() => 1),
  };
  const unfiltered = { consumers: [], apps: [], excludeConsumers: [], json: false };
  let code: number | undefined;
  let error: unknown;
  try {
    code = await runListConsumers(context, { ...unfiltered, ...options });
  } catch (thrown) {
    error = thrown;
  }
  return { code, error, text: written.join('').replaceAll(root, '<root>') };
}

describe('as a table', () => {
  test('each consumer has its id, app, name, file and channels', async () => {
    expect(await list(SHOP_AND_MAIL)).toMatchObject({
      code: 0,
      text: [
        'ID             APP   NAME     FILE                       CHANNELS',
        'welcome_email  mail  welcome  consumers/mail/welcome.ts  data_change',
        'orders         shop  Orders   consumers/shop/orders.ts   data_change, "odd, \\"name\\""',
        '',
      ].join('\n'),
    });
  });

  test('a module that cannot be loaded is shown with its error, and the exit code is 1', async () => {
    const { code, text } = await list({ ...SHOP_AND_MAIL, 'consumers/shop/broken.ts': BROKEN });
    expect(code).toBe(1);
    expect(text.split('\n')).toStrictEqual([
      expect.stringMatching(/^ID /),
      expect.stringMatching(/^welcome_email /),
      expect.stringMatching(/^orders /),
      '',
      'Could not be loaded:',
      '  consumers/shop/broken.ts (app shop)',
      '    error[CONSUMER_LOAD_FAILED]: <root>/consumers/shop/broken.ts:2:7: no answer from postgres://app:***@db/app',
      expect.stringMatching(/^ {4}→ /),
      '',
    ]);
  });

  test('what only looks like a consumer is shown with what to do, and the exit code is 1', async () => {
    const files = { 'consumers/mails.ts': "export default { id: 'mails', handle() {} };" };
    expect(await list(files)).toMatchObject({
      code: 1,
      text: [
        'Could not be loaded:',
        '  consumers/mails.ts (app consumers)',
        '    error[CONSUMER_INVALID]: mails in consumers/mails.ts looks like a consumer, but was not made by defineConsumer. Passed over, it would miss its notifications.',
        '    → Wrap it in defineConsumer({ id, channels, handle }), imported from pgwatch. If it is no consumer, do not export it.',
        '',
      ].join('\n'),
    });
  });

  test('when there are none, it says where it looked', async () => {
    const apps = { shop: ['shop/*.ts', '!shop/old/**'], mail: ['mail/*.ts'] };
    expect(await list({}, {}, { kind: 'apps', apps })).toMatchObject({
      code: 0,
      text: 'No consumers found in <root>\nwith shop: shop/*.ts, !shop/old/**; mail: mail/*.ts (the default; there is no configuration file).\n',
    });
  });

  test('nothing but failures is no list', async () => {
    const { code, text } = await list({ 'consumers/broken.ts': BROKEN });
    expect(code).toBe(1);
    expect(text).toMatch(/^Could not be loaded:\n {2}consumers\/broken\.ts \(app consumers\)\n/);
  });
});

describe('as JSON', () => {
  test('it is one object of consumers and failures', async () => {
    const files = { ...SHOP_AND_MAIL, 'consumers/broken.ts': BROKEN };
    const { code, text } = await list(files, { json: true });
    expect(JSON.parse(text)).toStrictEqual({
      consumers: [
        {
          id: 'welcome_email',
          app: 'mail',
          name: 'welcome',
          file: 'consumers/mail/welcome.ts',
          channels: ['data_change'],
        },
        {
          id: 'orders',
          app: 'shop',
          name: 'Orders',
          file: 'consumers/shop/orders.ts',
          channels: ['data_change', 'odd, "name"'],
        },
      ],
      failures: [
        {
          file: 'consumers/broken.ts',
          app: 'consumers',
          error: {
            code: 'CONSUMER_LOAD_FAILED',
            message: '<root>/consumers/broken.ts:2:7: no answer from postgres://app:***@db/app',
            hint: expect.any(String),
          },
        },
      ],
    });
    expect(code).toBe(1);
  });

  test('without consumers it is the same object, empty', async () => {
    const { code, text } = await list({}, { json: true });
    expect([code, JSON.parse(text)]).toStrictEqual([0, { consumers: [], failures: [] }]);
  });
});

describe('filters', () => {
  test.each<[Partial<ListConsumersOptions>, string[]]>([
    [{ consumers: ['orders'] }, ['orders']],
    [{ apps: ['mail'] }, ['welcome_email']],
    [{ excludeConsumers: ['orders'] }, ['welcome_email']],
    [{ apps: ['mail', 'shop'], excludeConsumers: ['welcome_email'] }, ['orders']],
  ])('%j', async (filters, ids) => {
    const { text } = await list(SHOP_AND_MAIL, { ...filters, json: true });
    expect(JSON.parse(text).consumers).toMatchObject(ids.map((id) => ({ id })));
  });

  test.each<[Partial<ListConsumersOptions>, string]>([
    [{ consumers: ['nobody'] }, 'CONSUMER_UNKNOWN'],
    [{ apps: ['nowhere'] }, 'APP_UNKNOWN'],
    [{ apps: ['mail'], consumers: ['orders'] }, 'CONSUMERS_NONE'],
  ])('%j is an error, and nothing is listed', async (filters, code) => {
    const { error, text } = await list(SHOP_AND_MAIL, filters);
    expect(error).toMatchObject({ code });
    expect(text).toBe('');
  });

  test('when the consumer asked for could not be loaded, that is shown before the error', async () => {
    const files = { ...SHOP_AND_MAIL, 'consumers/shop/broken.ts': BROKEN };
    const { error, text } = await list(files, { consumers: ['broken'] });
    expect(text).toMatch(/^Could not be loaded:\n {2}consumers\/shop\/broken\.ts/);
    expect(error).toMatchObject({ code: 'CONSUMER_UNKNOWN' });
  });
});
