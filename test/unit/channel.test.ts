import { expect, test } from 'vitest';
import { assertChannel } from '../../src/log/channel.ts';

test.each([
  'data_change',
  'A b"c',
  'x'.repeat(63),
  'ü'.repeat(31),
  '通知'.repeat(10),
  '\u{1F600}',
  '__proto__',
])('%j is a channel', (name) => {
  expect(() => assertChannel(name)).not.toThrow();
});

test.each([
  ['empty', '', /empty name/],
  ['64 bytes', 'x'.repeat(64), /64 bytes.*allows 63/],
  ['32 characters of 64 bytes', 'ü'.repeat(32), /64 bytes/],
  ['with a NUL', 'a\0b', /cannot store/],
  ['with half a surrogate pair', 'a\ud800', /cannot store/],
  ['no string', 5, /number/],
  ['null', null, /null/],
  ['undefined', undefined, /undefined/],
])('a name that is %s is refused', (_case, name, message) => {
  expect(() => assertChannel(name)).toThrow(
    expect.objectContaining({ code: 'CHANNEL_INVALID', message: expect.stringMatching(message) }),
  );
});
