import { describe, expect, it, test, vi } from 'vitest';
import { formatBytes, formatCount, formatSpan } from '../../src/format.ts';
import { conditionsOf, Parameters, parseCondition } from '../../src/observe/notification-filter.ts';
import { byServersClock, parseTime } from '../../src/observe/time.ts';

describe('a time', () => {
  const now = new Date('2026-11-24T12:00:00Z');

  test.each([
    ['30s', '2026-11-24T11:59:30.000Z'],
    ['15m', '2026-11-24T11:45:00.000Z'],
    ['2h', '2026-11-24T10:00:00.000Z'],
    ['1.5d', '2026-11-23T00:00:00.000Z'],
    ['2026-11-24T10:00Z', '2026-11-24T10:00:00.000Z'],
    ['2026-11-24T10:00:00+02:00', '2026-11-24T08:00:00.000Z'],
  ])('%s', (text, expected) => {
    expect(parseTime(text)(now).toISOString()).toBe(expected);
  });

  it('without a time of day is the midnight of this time zone', () => {
    expect(parseTime('2026-11-24')(now)).toEqual(new Date(2026, 10, 24));
  });

  it.each(['yesterday', '', '5', '2026-13-40', '2026-11-31', '2026-02-29T10:00Z'])(
    '%j is refused',
    (text) => {
      expect(() => parseTime(text)).toThrow('is no time');
    },
  );

  it('that is an age goes by the clock of the server, which is asked once', async () => {
    const query = vi.fn(async () => ({ rows: [{ now: now.getTime() }] }));
    const typed = { since: parseTime('15m'), until: parseTime('5m') };
    expect(await byServersClock({ query }, typed)).toEqual({
      since: new Date('2026-11-24T11:45:00Z'),
      until: new Date('2026-11-24T11:55:00Z'),
    });
    expect(query).toHaveBeenCalledOnce();
    await byServersClock({ query }, { since: undefined, until: undefined });
    expect(query).toHaveBeenCalledOnce();
  });
});

describe('a condition', () => {
  test.each([
    ['table=users', { path: ['table'], value: 'users' }],
    ['new_data.status=paid', { path: ['new_data', 'status'], value: 'paid' }],
    ['a=b=c', { path: ['a'], value: 'b=c' }],
    ['a=', { path: ['a'], value: '' }],
  ])('%s', (text, expected) => {
    expect(parseCondition(text)).toEqual(expected);
  });

  it.each(['table', '=users', ''])('%j is refused', (text) => {
    expect(() => parseCondition(text)).toThrow('is not of the form field=value');
  });
});

it('a filter gives values as parameters, never as SQL', () => {
  const parameters = new Parameters();
  const where = [{ path: ["a'b"], value: "'; drop table" }];
  const conditions = conditionsOf({ ids: [1], channels: ["c'"], key: "k'", where }, parameters);
  expect(conditions.join(' ')).not.toContain("'");
  expect(parameters.values).toEqual([[1], "c'", "k'", ["a'b"], "'; drop table"]);
});

describe('what people read', () => {
  test.each([
    [0, '0.0s'],
    [9_900, '9.9s'],
    [61_000, '61s'],
    [600_000, '10m'],
    [7_200_000, '2h'],
    [200_000_000, '2d'],
  ])('a span of %d ms', (ms, expected) => {
    expect(formatSpan(ms)).toBe(expected);
  });

  test.each([
    [0, '0 B'],
    [8192, '8.0 kB'],
    [50_000_000, '48 MB'],
    [5_000_000_000_000, '4.5 TB'],
  ])('%d bytes', (bytes, expected) => {
    expect(formatBytes(bytes)).toBe(expected);
  });

  it('counts', () => {
    expect(formatCount(1, 'dead letter')).toBe('1 dead letter');
    expect(formatCount(1234, 'dead letter')).toBe('1,234 dead letters');
  });
});
