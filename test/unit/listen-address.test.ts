import { expect, it } from 'vitest';
import { parseListenAddress } from '../../src/config/listen-address.ts';

it.each([
  ['9464', '127.0.0.1', 9464],
  ['0.0.0.0:9464', '0.0.0.0', 9464],
  ['localhost:0', 'localhost', 0],
  ['metrics.example:65535', 'metrics.example', 65_535],
  ['[::1]:9464', '::1', 9464],
  [' 9464 ', '127.0.0.1', 9464],
])('%j is an address', (text, host, port) => {
  expect(parseListenAddress(text)).toEqual({ host, port });
});

it.each(['', 'localhost', ':', ':9464', 'a:b', '1.2.3.4:65536', '::1:9464', 'http://a:1', '-1'])(
  '%j is none',
  (text) => {
    expect(parseListenAddress(text)).toBeUndefined();
  },
);
