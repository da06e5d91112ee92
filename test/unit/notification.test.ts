import { describe, expect, expectTypeOf, test } from 'vitest';
import {
  type ChangeAction,
  type JsonObject,
  type JsonValue,
  Notification,
  NotificationHandler,
  stringifyJson,
} from '../../src/index.ts';

function notification(json: string, changes = {}): Notification {
  return new Notification({
    notificationLogId: 7,
    channel: 'data_change',
    key: null,
    json,
    timestamp: 0,
    isReplay: false,
    attempt: 1,
    ...changes,
  });
}

const CHANGE = {
  schema: 'public',
  table: 'users',
  action: 'UPDATE',
  id: 5,
  old_data: { id: 5, name: 'Ada' },
  new_data: { id: 5, name: 'Grace' },
  metadata: { user_id: null, session_id: null, transaction_id: 9 },
};

test('it carries what the log has', () => {
  const made = notification('{"a":1}', {
    key: 'public.users:5',
    timestamp: new Date('2030-01-31T00:00:00.000Z'),
    isReplay: true,
    attempt: 3,
  });
  expect(made).toMatchObject({
    notificationLogId: 7,
    channel: 'data_change',
    key: 'public.users:5',
    timestamp: new Date('2030-01-31T00:00:00.000Z'),
    isReplay: true,
    attempt: 3,
    json: '{"a":1}',
    data: { a: 1 },
  });
});

test('a time in milliseconds becomes a date', () => {
  expect(notification('1', { timestamp: 1_500.75 }).timestamp).toStrictEqual(new Date(1_500));
});

test('the payload is parsed once, when it is first asked for', () => {
  const unparsable = notification('{');
  expect(unparsable.json).toBe('{');
  expect(() => unparsable.data).toThrow(SyntaxError);

  const parsed = notification('{"a":{}}');
  expect(parsed.data).toBe(parsed.data);
});

test('a payload of null is parsed once, too', () => {
  expect(notification('null').data).toBeNull();
});

test('a captured change is read by its methods', () => {
  const change = notification(JSON.stringify(CHANGE));
  expect(change.isDatabaseChange()).toBe(true);
  expect(change.getSchema()).toBe('public');
  expect(change.getTable()).toBe('users');
  expect(change.getAction()).toBe('UPDATE');
  expect(change.getRecordId()).toBe(5);
  expect(change.getOldData()).toStrictEqual({ id: 5, name: 'Ada' });
  expect(change.getNewData()).toStrictEqual({ id: 5, name: 'Grace' });
});

test.each([
  ['INSERT', [true, false, false]],
  ['UPDATE', [false, true, false]],
  ['DELETE', [false, false, true]],
])('%s is that and nothing else', (action, expected) => {
  const change = notification(JSON.stringify({ action }));
  expect([change.isInsert(), change.isUpdate(), change.isDelete()]).toStrictEqual(expected);
});

test('a primary key of several columns is an object, one beyond 2^53 a bigint', () => {
  expect(notification('{"id":{"a":1,"b":"x"}}').getRecordId()).toStrictEqual({ a: 1, b: 'x' });
  expect(notification('{"id":9007199254740993}').getRecordId()).toBe(9007199254740993n);
  expect(notification('{"id":0}').getRecordId()).toBe(0);
});

describe('a payload of another shape is no change and never throws', () => {
  test.each([
    'null',
    '5',
    'true',
    '"table"',
    '[]',
    '[{"table":"users","action":"INSERT"}]',
    '{}',
    '{"event":"login"}',
    '{"__proto__":{"table":"users","action":"INSERT"}}',
    '{"table":5,"action":"login","schema":{},"id":null,"old_data":[1],"new_data":"x"}',
    '{"table":"users","action":"insert"}',
    '{"table":"users"}',
    '{"action":"INSERT"}',
  ])('%s', (json) => {
    const other = notification(json);
    expect(other.isDatabaseChange()).toBe(false);
    expect(other.getSchema()).toBeNull();
    expect(other.getRecordId()).toBeNull();
    expect(other.getOldData()).toBeNull();
    expect(other.getNewData()).toBeNull();
    expect(other.isUpdate()).toBe(false);
    expect(other.isDelete()).toBe(false);
  });

  test('where an object lacks a field, the others can be read', () => {
    expect(notification('{"table":"users"}').getTable()).toBe('users');
    expect(notification('{"action":"INSERT"}').isInsert()).toBe(true);
    expect(notification('{"table":"toString"}').getAction()).toBeNull();
    expect(notification('{}').getTable()).toBeNull();
  });
});

test('as a text it says which it is', () => {
  expect(String(notification('1'))).toBe('Notification 7 on data_change (live)');
  expect(String(notification('1', { isReplay: true }))).toBe(
    'Notification 7 on data_change (replay)',
  );
});

test('written as JSON it keeps large integers', () => {
  expect(stringifyJson(notification('{"id":9007199254740993}'))).toBe(
    '{"notificationLogId":7,"channel":"data_change","key":null,"timestamp":"1970-01-01T00:00:00.000Z","isReplay":false,"attempt":1,"data":{"id":9007199254740993}}',
  );
});

test('NotificationHandler is another name of it, as a type and as a value', () => {
  expect(NotificationHandler).toBe(Notification);
  expectTypeOf<NotificationHandler>().toEqualTypeOf<Notification>();
});

test('its types say what is expected', () => {
  interface User {
    readonly name: string;
  }
  const change = notification(JSON.stringify(CHANGE));
  expectTypeOf(change.data).toEqualTypeOf<JsonValue>();
  expectTypeOf(change.getAction()).toEqualTypeOf<ChangeAction | null>();
  expectTypeOf(change.getNewData()).toEqualTypeOf<JsonObject | null>();
  expectTypeOf(change.getNewData<User>()).toEqualTypeOf<User | null>();
  expectTypeOf<Notification<User>['data']>().toEqualTypeOf<User>();
});
