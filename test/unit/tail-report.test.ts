import { expect, it } from 'vitest';
import { notificationJson, notificationLine } from '../../src/cli/tail-report.ts';

const ROW = {
  id: 7,
  channel: 'orders',
  key: 'order-17',
  json: '{"a": 12345678901234567890, "text": "x  y"}',
  writtenAt: Date.UTC(2026, 10, 24, 12, 0, 0, 5),
  traceparent: null,
};

it('a line tells time, id, channel, key and payload', () => {
  expect(notificationLine(ROW, Number.POSITIVE_INFINITY)).toMatch(
    /^\d\d:\d\d:00\.005 7 orders key=order-17 \{"a": 12345678901234567890, "text": "x y"\}\n$/,
  );
});

it('a line of a captured change names table, action and row', () => {
  const json = '{"id": 9, "table": "users", "action": "UPDATE"}';
  const line = notificationLine({ ...ROW, json }, Number.POSITIVE_INFINITY);
  expect(line).toContain(' orders users UPDATE 9 {');
});

it('a line is as wide as the terminal at the most', () => {
  const line = notificationLine(ROW, 40);
  expect(line).toHaveLength(41);
  expect(line).toMatch(/…\n$/);
});

it('what is in the log cannot steer the terminal', () => {
  const line = notificationLine({ ...ROW, key: 'a\u001b[2Jb\u0007' }, Number.POSITIVE_INFINITY);
  expect(line).toContain('key=a\\x1b[2Jb\\x07');
});

it('as JSON it is one line, with every digit of the payload', () => {
  expect(notificationJson(ROW)).toBe(
    '{"notificationLogId":7,"channel":"orders","key":"order-17","timestamp":"2026-11-24T12:00:00.005Z","data":{"a": 12345678901234567890, "text": "x  y"}}\n',
  );
});

it('a payload that no program can hold is left out', () => {
  expect(notificationLine({ ...ROW, json: null }, 200)).toContain('too large to be shown');
  expect(JSON.parse(notificationJson({ ...ROW, json: null }))).not.toHaveProperty('data');
});
