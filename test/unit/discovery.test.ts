import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import type { ConsumerGlobs } from '../../src/config/resolved-config.ts';
import { type Discovery, discoverConsumers } from '../../src/consumer/discovery.ts';
import { folderWith } from '../support/temporary-folder.ts';

const ALL: ConsumerGlobs = { kind: 'globs', globs: ['consumers/**/*.ts'] };

const IMPORTS = "import { BaseConsumer, defineConsumer } from 'pgwatch';\n";

const definition = (id: string) =>
  `${IMPORTS}export default defineConsumer({ id: '${id}', handle() {} });`;

const consumerClass = (name: string, id: string) =>
  `${IMPORTS}export class ${name} extends BaseConsumer {
    static consumerId = '${id}';
    handleNotification() {}
  }`;

async function discover(files: Record<string, string>, consumers = ALL): Promise<Discovery> {
  const root = await folderWith({ 'package.json': '{"type":"module"}', ...files });
  return discoverConsumers({ root, consumers });
}

/** As `id app name file`. */
function lines({ consumers }: Discovery): string[] {
  return consumers.map(({ consumer, app, name, file }) => [consumer.id, app, name, file].join(' '));
}

function codes({ failures }: Discovery): string[] {
  return failures.map(({ app, file, error }) => `${app} ${file} ${error.code}`);
}

describe('what a module exports', () => {
  test('is taken whether class, instance, definition or an array of them', async () => {
    const found = await discover({
      'consumers/shop.ts': `${IMPORTS}
        export class A extends BaseConsumer {
          static consumerId = 'class';
          handleNotification() {}
        }
        class B extends BaseConsumer { handleNotification() {} }
        export const instance = new B({ consumerId: 'instance' });
        export const defined = defineConsumer({ id: 'definition', handle() {} });
        export const several = [
          new B({ consumerId: 'first' }),
          defineConsumer({ id: 'second', handle() {} }),
        ];
        export default defineConsumer({ id: 'default', handle() {} });
        export { BaseConsumer };
        export const others = [1, null, 'text', {}, () => {}, class {}, undefined, new Map()];`,
    });
    expect(codes(found)).toStrictEqual([]);
    expect(lines(found)).toStrictEqual([
      'class consumers A consumers/shop.ts',
      'default consumers shop consumers/shop.ts',
      'definition consumers defined consumers/shop.ts',
      'first consumers B consumers/shop.ts',
      'instance consumers B consumers/shop.ts',
      'second consumers several[1] consumers/shop.ts',
    ]);
  });

  test('counts once, however often it is exported', async () => {
    const found = await discover({
      'consumers/shop/orders.ts': `${consumerClass('Orders', 'orders')}
        export default Orders;
        export const again = [Orders];
        export { Orders as Purchases };`,
      'consumers/index.ts': "export * from './shop/orders.ts';",
      'consumers/shop/index.ts': "export * from './orders.ts';",
    });
    expect(codes(found)).toStrictEqual([]);
    expect(lines(found)).toStrictEqual(['orders shop Orders consumers/shop/orders.ts']);
  });

  test('may be nothing of ours: that is told at debug level only', async () => {
    const root = await folderWith({
      'package.json': '{"type":"module"}',
      'consumers/shared.ts': 'export const shared = 1;',
    });
    const told: unknown[] = [];
    const logger = pino({ level: 'debug' }, { write: (line) => void told.push(JSON.parse(line)) });
    const found = await discoverConsumers({ root, consumers: ALL, logger });
    expect(found).toStrictEqual({ consumers: [], failures: [] });
    expect(told).toMatchObject([{ file: 'consumers/shared.ts', msg: 'module has no consumer' }]);
  });

  test('may be BaseConsumer itself, which is no consumer', async () => {
    const found = await discover({ 'consumers/a.ts': "export { BaseConsumer } from 'pgwatch';" });
    expect(found).toStrictEqual({ consumers: [], failures: [] });
  });

  test('may be an object that throws when it is read', async () => {
    const found = await discover({
      'consumers/a.ts': `${definition('a')}
        export const env = new Proxy({}, { get() { throw new Error('not set'); } });`,
    });
    expect(lines(found)).toStrictEqual(['a consumers a consumers/a.ts']);
    expect(codes(found)).toStrictEqual([]);
  });

  test('is what the engine runs', async () => {
    const { consumers } = await discover({
      'consumers/a.ts': `${IMPORTS}export class A extends BaseConsumer {
        static consumerId = 'a';
        #count = 40;
        handleNotification() { return this.#count += 1; }
      }`,
    });
    const handle = consumers[0]?.consumer.handle;
    expect(handle).toBeTypeOf('function');
    expect([Reflect.apply(Object(handle), null, []), Reflect.apply(Object(handle), null, [])])
      // The same instance each time.
      .toStrictEqual([41, 42]);
  });
});

describe('a class without an id', () => {
  const base = `${IMPORTS}export class Base extends BaseConsumer {
    static channels = ['orders'];
    handleNotification() {}
  }`;

  test('is passed over when another module extends it', async () => {
    const found = await discover({
      'consumers/base.ts': base,
      'consumers/orders.ts': `import { Base } from './base.ts';
        export class Orders extends Base { static consumerId = 'orders'; }`,
    });
    expect(codes(found)).toStrictEqual([]);
    expect(found.consumers).toMatchObject([{ consumer: { id: 'orders', channels: ['orders'] } }]);
  });

  test('is passed over when its instances are exported', async () => {
    const found = await discover({
      'consumers/orders.ts': `${base}
        class Further extends Base {}
        export const some = ['a', 'b'].map((id) => new Further({ consumerId: id }));`,
    });
    expect(codes(found)).toStrictEqual([]);
    expect(found.consumers.map(({ consumer }) => consumer.id)).toStrictEqual(['a', 'b']);
  });

  test('may give itself one in its constructor', async () => {
    const found = await discover({
      'consumers/orders.ts': `${IMPORTS}export class Orders extends BaseConsumer {
        constructor() { super({ consumerId: 'orders' }); }
        handleNotification() {}
      }`,
    });
    expect(lines(found)).toStrictEqual(['orders consumers Orders consumers/orders.ts']);
  });

  test('is a failure when nothing extends it', async () => {
    const found = await discover({ 'consumers/base.ts': base });
    expect(found.consumers).toStrictEqual([]);
    expect(codes(found)).toStrictEqual(['consumers consumers/base.ts CONSUMER_ID_MISSING']);
  });
});

test('a class of which an instance is exported is not made again', async () => {
  const found = await discover({
    'consumers/a.ts': `${consumerClass('A', 'a')}\nexport default new A();`,
  });
  expect(codes(found)).toStrictEqual([]);
  expect(lines(found)).toStrictEqual(['a consumers A consumers/a.ts']);
});

describe('whatever goes wrong hides nothing else', () => {
  test.each([
    ['a syntax error', 'export const x: = 5;', 'CONSUMER_LOAD_FAILED', /a\.ts/],
    ['a module that throws', "\nthrow new Error('boom');", 'CONSUMER_LOAD_FAILED', /a\.ts:2.*boom/],
    ['a missing import', "import './nowhere.ts';", 'CONSUMER_LOAD_FAILED', /nowhere/],
    [
      'a constructor that throws',
      `${IMPORTS}export class A extends BaseConsumer {
        static consumerId = 'a';
        constructor() {
          super();
          throw new TypeError('no cache');
        }
        handleNotification() {}
      }`,
      'CONSUMER_LOAD_FAILED',
      /a\.ts:\d+.*TypeError: no cache/,
    ],
    [
      'a mistake in a definition',
      `${IMPORTS}export default defineConsumer({ id: 'a', channels: [''], handle() {} });`,
      'CHANNEL_INVALID',
      /a\.ts:2.*empty/,
    ],
    [
      'a class without a handler',
      `${IMPORTS}export class A extends BaseConsumer { static consumerId = 'a'; }`,
      'CONSUMER_INVALID',
      /A has no method handleNotification/,
    ],
  ])('%s', async (_what, text, code, message) => {
    const found = await discover({
      'consumers/shop/a.ts': text,
      'consumers/shop/b.ts': definition('b'),
    });
    expect(lines(found)).toStrictEqual(['b shop b consumers/shop/b.ts']);
    expect(found.failures).toMatchObject([
      {
        app: 'shop',
        file: 'consumers/shop/a.ts',
        error: { code, message: expect.stringMatching(message), hint: expect.anything() },
      },
    ]);
  });

  test('also within one module', async () => {
    const found = await discover({
      'consumers/a.ts': `${consumerClass('Good', 'good')}
        export class Bad extends BaseConsumer { handleNotification() {} }`,
    });
    expect(lines(found)).toStrictEqual(['good consumers Good consumers/a.ts']);
    expect(codes(found)).toStrictEqual(['consumers consumers/a.ts CONSUMER_ID_MISSING']);
  });
});

test('two consumers with one id are both left out, and named with their files', async () => {
  const found = await discover({
    'consumers/a.ts': consumerClass('A', 'same'),
    'consumers/b.ts': definition('same'),
    'consumers/c.ts': definition('other'),
  });
  expect(lines(found)).toStrictEqual(['other consumers c consumers/c.ts']);
  expect(codes(found)).toStrictEqual(['consumers consumers/b.ts CONSUMER_DUPLICATE']);
  expect(found.failures[0]?.error.message).toContain(
    '"same": A in consumers/a.ts, b in consumers/b.ts',
  );
});

test('two consumers with one id concern the apps of both', async () => {
  const found = await discover({
    'consumers/shop/a.ts': consumerClass('A', 'same'),
    'consumers/mail/b.ts': definition('same'),
  });
  expect(found.failures.map(({ apps }) => apps.toSorted())).toStrictEqual([['mail', 'shop']]);
});

test('a module that several globs find is loaded once', async () => {
  const text = 'globalThis.pgwatchLoads = (globalThis.pgwatchLoads ?? 0) + 1;';
  const globs = ['consumers/*.ts', 'consumers/**', './consumers/a.ts'];
  await discover({ 'consumers/a.ts': text }, { kind: 'globs', globs });
  expect(Reflect.get(globalThis, 'pgwatchLoads')).toBe(1);
});
