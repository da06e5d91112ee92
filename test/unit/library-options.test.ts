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

  test.each<[string, unknown]>([
    ['a string', 'postgres://u:s3cr3t@h/x'],
    ['undefined', undefined],
    ['null', null],
    ['an object that runs no queries', { connectionString: 'postgres://u:s3cr3t@h/x' }],
    ['a promise (await it) that runs no queries', Promise.resolve(unused)],
  ])('says what db must be, and shows nothing of %s', async (found, db) => {
    const failure: unknown = await call(db, ...given).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'USAGE',
      message: `db is ${found}. It must be a pg client or pool, or a Kysely instance or transaction.`,
    });
    expect(String(failure)).not.toContain('s3cr3t');
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

test('a key that is no text is refused', async () => {
  const notify = smartNotify as Unchecked;
  await expect(notify(unused, 'channel', {}, { key: 17 })).rejects.toMatchObject({
    code: 'PAYLOAD_INVALID',
    message: 'The key is a number. A key is text.',
  });
});
