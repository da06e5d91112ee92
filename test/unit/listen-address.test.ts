import { expect, it } from 'vitest';
import { isLoopback, parseListenAddress, shownAddress } from '../../src/listen-address.ts';

const DEFAULTS = { host: '127.0.0.1', port: 7432 };

it.each([
  ['8080', { host: '127.0.0.1', port: 8080 }],
  [' 8080 ', { host: '127.0.0.1', port: 8080 }],
  [':8080', { host: '127.0.0.1', port: 8080 }],
  ['localhost', { host: 'localhost', port: 7432 }],
  ['0.0.0.0', { host: '0.0.0.0', port: 7432 }],
  ['0.0.0.0:80', { host: '0.0.0.0', port: 80 }],
  ['localhost:0', { host: 'localhost', port: 0 }],
  ['metrics.example:65535', { host: 'metrics.example', port: 65_535 }],
  ['[::1]:80', { host: '::1', port: 80 }],
  ['[::1]', { host: '::1', port: 7432 }],
  ['::1', { host: '::1', port: 7432 }],
])('%j is an address', (text, address) => {
  expect(parseListenAddress(text, DEFAULTS)).toEqual(address);
});

it.each([
  '',
  ' ',
  ':',
  'a:b',
  'a b',
  'here',
  'host:',
  '[nothing]:1',
  'a/b',
  '1.2.3.4:65536',
  '65536',
  'http://a:1',
])('%j is none', (text) => {
  expect(parseListenAddress(text, DEFAULTS)).toBeUndefined();
});

it.each(['127.0.0.1', '127.9.9.9', '::1', 'localhost', 'LOCALHOST', '::ffff:127.0.0.1'])(
  '%s is only for this machine',
  (host) => {
    expect(isLoopback(host)).toBe(true);
  },
);

it.each(['0.0.0.0', '::', '', '127.example.com', '10.0.0.1', 'localhost.example.com'])(
  '%j is for others, too',
  (host) => {
    expect(isLoopback(host)).toBe(false);
  },
);

it('is shown as a URL has it', () => {
  expect(shownAddress({ host: '::1', port: 80 })).toBe('[::1]:80');
});
