import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { formatTable, outputOf, tolerateClosedPipe } from '../../src/cli/output.ts';
import { suggest } from '../../src/suggest.ts';

test('a table has columns as wide as their widest cell, and no spaces at the end of a line', () => {
  const rows = [
    ['welcome_email', '', 'users'],
    ['a', 'größe', 'x, y'],
  ];
  expect(formatTable(['ID', 'APP', 'CHANNELS'], rows)).toBe(
    'ID             APP    CHANNELS\n' +
      'welcome_email         users\n' +
      'a              größe  x, y\n',
  );
});

test('a table without rows is its head', () => {
  expect(formatTable(['ID', 'APP'], [])).toBe('ID  APP\n');
});

test('what is no terminal has lines without end', () => {
  expect(outputOf(new PassThrough())).toMatchObject({
    isTerminal: false,
    columns: Number.POSITIVE_INFINITY,
  });
});

test('a closed pipe is tolerated, another error is not', () => {
  const stream = new PassThrough();
  tolerateClosedPipe(stream);
  const failure = (code: string) => Object.assign(new Error(code), { code });
  expect(() => stream.emit('error', failure('EPIPE'))).not.toThrow();
  expect(() => stream.emit('error', failure('EIO'))).toThrow('EIO');
});

test('a closed terminal is tolerated', () => {
  const stream = Object.assign(new PassThrough(), { isTTY: true });
  tolerateClosedPipe(stream);
  const failure = Object.assign(new Error('EIO'), { code: 'EIO' });
  expect(() => stream.emit('error', failure)).not.toThrow();
});

describe('a suggestion', () => {
  test.each([
    ['welcom_email', ['welcome_email', 'invoice'], ' Did you mean "welcome_email"?'],
    ['WelcomeEmail', ['welcome_email'], ' Did you mean "welcome_email"?'],
    ['shp', ['shop', 'shipping'], ' Did you mean "shop"?'],
    ['a', ['b'], ' Did you mean "b"?'],
    ['oders', ['order_events', 'orders'], ' Did you mean "orders"?'],
    ['odrers', ['order_events', 'orders'], ' Did you mean "orders"?'],
    ['sohp', ['shop'], ' Did you mean "shop"?'],
    ['jbos', ['logs', 'jobs'], ' Did you mean "jobs"?'],
    ['jbo', ['job'], ' Did you mean "job"?'],
    ['', ['job'], ''],
    ['orders', ['invoice', 'audit'], ''],
    ['anything', [], ''],
  ])('for %j among %j is %j', (found, candidates, suggestion) => {
    expect(suggest(found, candidates)).toBe(suggestion);
  });
});
