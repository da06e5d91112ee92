import { describe, expect, test } from 'vitest';
import { type Discovery, discoverConsumers } from '../../src/consumer/discovery.ts';
import { folderWith } from '../support/temporary-folder.ts';

const GOOD = `import { defineConsumer } from 'pgwatch';
  export default defineConsumer({ id: 'good', handle() {} });`;

async function discover(text: string, others: Record<string, string> = {}): Promise<Discovery> {
  const root = await folderWith({
    'package.json': '{"type":"module"}',
    'consumers/orders.ts': text,
    'consumers/good.ts': GOOD,
    ...others,
  });
  return discoverConsumers({ root, consumers: { kind: 'globs', globs: ['consumers/**/*.*'] } });
}

const ids = ({ consumers }: Discovery) => consumers.map(({ consumer }) => consumer.id);
const messages = ({ failures }: Discovery) => failures.map(({ error }) => error.message);

const NOT_DEFINED = 'looks like a consumer, but was not made by defineConsumer.';
const NOT_EXTENDED = 'looks like a consumer, but does not extend BaseConsumer.';

describe('what looks like a consumer and is none is a failure, and hides no other', () => {
  test.each([
    [
      'a default export',
      "export default { id: 'orders', handle() {} };",
      `orders in consumers/orders.ts ${NOT_DEFINED}`,
    ],
    [
      'a named export with the names of a class',
      "export const mails = { consumerId: 'mails', handleNotification: () => {} };",
      `mails in consumers/orders.ts ${NOT_DEFINED}`,
    ],
    [
      'one of an array',
      "export const all = [null, { id: 'mails', handle() {} }];",
      `all[1] in consumers/orders.ts ${NOT_DEFINED}`,
    ],
    [
      'the module itself',
      "export const id = 'orders';\nexport const channels = ['orders'];\nexport function handle() {}",
      `orders in consumers/orders.ts ${NOT_DEFINED}`,
    ],
    [
      'a class with an id',
      "export class Mails { static consumerId = 'orders'; handle() {} }",
      `Mails in consumers/orders.ts ${NOT_EXTENDED}`,
    ],
    [
      'a class with a handler',
      'export default class Mails { handleNotification() {} }',
      `Mails in consumers/orders.ts ${NOT_EXTENDED}`,
    ],
    [
      'an instance of such a class',
      'class Mails { handleNotification() {} }\nexport const orders = new Mails();',
      `Mails in consumers/orders.ts ${NOT_EXTENDED}`,
    ],
  ])('%s', async (_what, text, message) => {
    const found = await discover(text);
    expect(ids(found)).toEqual(['good']);
    expect(found.failures).toMatchObject([
      { file: 'consumers/orders.ts', error: { code: 'CONSUMER_INVALID' } },
    ]);
    expect(messages(found)).toEqual([expect.stringContaining(message)]);
  });

  test('what a module of CommonJS is, once', async () => {
    const found = await discover('', {
      'consumers/mails.cjs': "module.exports = { id: 'mails', handle() {} };",
    });
    expect(messages(found)).toEqual([
      expect.stringContaining(`mails in consumers/mails.cjs ${NOT_DEFINED}`),
    ]);
  });

  test('it is said what to do', async () => {
    const { failures } = await discover(`
      export const mails = { id: 'mails', handle() {} };
      export class Orders { handleNotification() {} }`);
    expect(failures.map(({ error }) => error.hint)).toEqual([
      expect.stringContaining('Wrap it in defineConsumer('),
      expect.stringContaining('class Orders extends BaseConsumer'),
    ]);
  });

  test('it counts once, however often it is exported', async () => {
    const found = await discover(`
      class Orders { static consumerId = 'orders'; handleNotification() {} }
      export { Orders, Orders as Purchases };
      export default Orders;`);
    expect(messages(found)).toHaveLength(1);
  });
});

describe('what only resembles a consumer is passed over', () => {
  test.each([
    ['an object with an id alone', "export const order = { id: 'order', channels: ['a'] };"],
    ['an object with a handler alone', 'export const route = { path: "/", handle() {} };'],
    ['an id that is no text', 'export const row = { id: 7, handle() {} };'],
    [
      'the handler of another library, whose words are common',
      "export class Refund { id = 'refund'; handle() {} }\nexport const refund = new Refund();",
    ],
    [
      'a function named so',
      'export function handle() {}\nexport const handleNotification = handle;',
    ],
    ['a type', "export type Orders = { id: 'orders'; handle(): void };"],
    [
      'an object that throws when it is read',
      "export const env = new Proxy({}, { get() { throw new Error('not set'); } });",
    ],
  ])('%s', async (_what, text) => {
    const found = await discover(text);
    expect(messages(found)).toEqual([]);
    expect(ids(found)).toEqual(['good']);
  });

  test.each([
    [
      'a definition that is exported beside its consumer',
      `export const definition = { id: 'orders', handle() {} };
       export default defineConsumer(definition);`,
    ],
    [
      'parts of one that are exported by name',
      `export const id = 'orders';
       export const handle = () => {};
       export default defineConsumer({ id, handle });`,
    ],
    [
      'a class that a consumer calls',
      `export class Orders { static consumerId = 'orders'; handleNotification() {} }
       export default defineConsumer({
         id: Orders.consumerId,
         handle: () => new Orders().handleNotification(),
       });`,
    ],
    [
      'a function that gives classes their handler',
      `export const logged = (Base) => class extends Base { handleNotification() {} };
       export class Orders extends logged(BaseConsumer) { static consumerId = 'orders'; }`,
    ],
  ])('%s', async (_what, text) => {
    const found = await discover(
      `import { BaseConsumer, defineConsumer } from 'pgwatch';\n${text}`,
    );
    expect(messages(found)).toEqual([]);
    expect(ids(found)).toEqual(['good', 'orders']);
  });
});
