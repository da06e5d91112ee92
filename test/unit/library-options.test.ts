import { describe, expect, test } from 'vitest';
import {
  cleanupOldNotifications,
  createTriggerForTable,
  dropTriggerForTable,
  type Queryable,
  sendCustomNotification,
  smartNotify,
} from '../../src/index.ts';

/** Fails if anything is sent to it. */
const unused: Queryable = {
  query: () => Promise.reject(new Error('The database was asked.')),
};

/** As code calls them whose types nobody has checked. */
type Unchecked = (...given: readonly unknown[]) => Promise<unknown>;

describe.each<[string, Unchecked, unknown[], string]>([
  ['createTriggerForTable()', createTriggerForTable as Unchecked, ['orders'], 'channel'],
  ['dropTriggerForTable()', dropTriggerForTable as Unchecked, ['orders'], 'schema'],
  ['smartNotify()', smartNotify as Unchecked, ['channel', {}], 'functionsSchema'],
  ['sendCustomNotification()', sendCustomNotification as Unchecked, ['channel', 'x', {}], 'key'],
  ['cleanupOldNotifications()', cleanupOldNotifications as Unchecked, [], 'includeDead'],
])('%s', (subject, call, given, name) => {
  test('refuses an option that does not exist, and suggests one, before the database is asked', async () => {
    const mistyped = `${name}s`;
    await expect(call(unused, ...given, { [mistyped]: 'x' })).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(
        `${subject} has an unknown option "${mistyped}". Did you mean "${name}"? Known are:`,
      ),
    });
  });

  test.each<[unknown, string]>([
    ['order_events', 'a string'],
    [null, 'null'],
    [['order_events'], 'an array'],
  ])('refuses %j where its options belong', async (options, found) => {
    await expect(call(unused, ...given, options)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(`${subject} was given ${found} where its options belong.`),
      hint: expect.stringContaining('as an object'),
    });
  });
});
