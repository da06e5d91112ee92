import { expect, test } from 'vitest';
import { defineConsumer } from '../../src/consumer/define-consumer.ts';
import type { DiscoveredConsumer } from '../../src/consumer/discovery.ts';
import { type Selection, selectConsumers } from '../../src/consumer/selection.ts';

function discovered(id: string, app: string): DiscoveredConsumer {
  const consumer = defineConsumer({ id, handle() {} });
  return { consumer, app, file: `consumers/${app}/${id}.ts`, name: id };
}

const ALL = [
  discovered('orders', 'shop'),
  discovered('returns', 'shop'),
  discovered('welcome_email', 'mail'),
];

function select(selection: Selection, from = ALL): string[] {
  return selectConsumers(from, selection).map(({ consumer }) => consumer.id);
}

test.each<[Selection, string[]]>([
  [{}, ['orders', 'returns', 'welcome_email']],
  [{ consumers: [], apps: [], excludeConsumers: [] }, ['orders', 'returns', 'welcome_email']],
  [{ consumers: ['welcome_email', 'orders', 'orders'] }, ['orders', 'welcome_email']],
  [{ apps: ['shop'] }, ['orders', 'returns']],
  [{ apps: ['mail', 'shop'] }, ['orders', 'returns', 'welcome_email']],
  [{ excludeConsumers: ['orders'] }, ['returns', 'welcome_email']],
  [{ apps: ['shop'], consumers: ['orders', 'welcome_email'] }, ['orders']],
  [{ apps: ['shop'], excludeConsumers: ['orders'] }, ['returns']],
  [{ consumers: ['orders', 'returns'], excludeConsumers: ['returns'] }, ['orders']],
  [
    { apps: ['shop'], consumers: ['orders', 'welcome_email'], excludeConsumers: ['welcome_email'] },
    ['orders'],
  ],
])('%j selects %j', (selection, expected) => {
  expect(select(selection)).toStrictEqual(expected);
});

test.each<[Selection, string, RegExp, RegExp]>([
  [
    { consumers: ['order'] },
    'CONSUMER_UNKNOWN',
    /^There is no consumer "order"\. Did you mean "orders"\?$/,
    /^There are: orders, returns, welcome_email\.$/,
  ],
  [{ excludeConsumers: ['WelcomeEmail'] }, 'CONSUMER_UNKNOWN', /mean "welcome_email"/, /orders/],
  [
    { consumers: ['x', 'order'], excludeConsumers: ['x'] },
    'CONSUMER_UNKNOWN',
    /^There are no consumers "x", "order" \(Did you mean "orders"\?\)\.$/,
    /orders/,
  ],
  [{ apps: ['shp'] }, 'APP_UNKNOWN', /no app "shp"\. Did you mean "shop"\?/, /: mail, shop\./],
  [{ consumers: ['toString'] }, 'CONSUMER_UNKNOWN', /"toString"/, /orders/],
])('%j is an error: %s', (selection, code, message, hint) => {
  expect(() => select(selection)).toThrow(
    expect.objectContaining({
      code,
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    }),
  );
});

test.each<[string, Selection, readonly DiscoveredConsumer[], RegExp]>([
  ['there are none', {}, [], /No consumers were found/],
  [
    'those named are in other apps',
    { consumers: ['orders'], apps: ['mail'] },
    ALL,
    /None of the named consumers \("orders"\) is in the named apps \("mail"\)/,
  ],
  [
    'all are excluded',
    { apps: ['mail'], excludeConsumers: ['welcome_email'] },
    ALL,
    /excluded: "welcome_email"/,
  ],
])('no consumer is left when %s, and the error says so', (_why, selection, from, message) => {
  expect(() => select(selection, [...from])).toThrow(
    expect.objectContaining({
      code: 'CONSUMERS_NONE',
      message: expect.stringMatching(message),
      hint: expect.stringContaining('list-consumers'),
    }),
  );
});
