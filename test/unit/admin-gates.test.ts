import { describe, expect, test } from 'vitest';
import { Credentials } from '../../src/admin/web/credentials.ts';
import { FailureLimit } from '../../src/admin/web/failure-limit.ts';
import { FormTokens } from '../../src/admin/web/form-tokens.ts';
import { prefixOf, withoutPrefix } from '../../src/admin/web/prefix.ts';
import { Sessions } from '../../src/admin/web/sessions.ts';
import { networkOf, visitorAddress } from '../../src/admin/web/visitor-address.ts';
import { refuseHost } from '../../src/http/known-host.ts';

describe('credentials', () => {
  const LONG = 'x'.repeat(16);

  test.each([
    [{ PGWATCH_ADMIN_USER: 'ada' }, 'PGWATCH_ADMIN_USER is set and PGWATCH_ADMIN_PASSWORD is not.'],
    [
      { PGWATCH_ADMIN_READONLY_PASSWORD: LONG },
      'PGWATCH_ADMIN_READONLY_PASSWORD is set and PGWATCH_ADMIN_READONLY_USER is not.',
    ],
    [{ PGWATCH_ADMIN_TOKEN: 'short' }, 'PGWATCH_ADMIN_TOKEN has 5 characters.'],
    [
      { PGWATCH_ADMIN_USER: 'ada', PGWATCH_ADMIN_PASSWORD: 'short' },
      'PGWATCH_ADMIN_PASSWORD has 5 characters.',
    ],
    [
      { PGWATCH_ADMIN_TOKEN: LONG, PGWATCH_ADMIN_READONLY_TOKEN: LONG },
      'The credentials of operators and of read-only users are the same.',
    ],
  ])('%j are refused', (env, what) => {
    expect(() => new Credentials(env)).toThrow(what);
  });

  test('that are empty are none', () => {
    const none = new Credentials({ PGWATCH_ADMIN_TOKEN: '', PGWATCH_ADMIN_USER: '' });
    expect(none.areConfigured).toBe(false);
    expect(none.identify({ user: undefined, secret: '' })).toBeUndefined();
  });

  test('tell roles apart, and a token from a password', () => {
    const credentials = new Credentials({
      PGWATCH_ADMIN_TOKEN: LONG,
      PGWATCH_ADMIN_READONLY_USER: 'bo',
      PGWATCH_ADMIN_READONLY_PASSWORD: 'long enough',
    });
    const identify = (user: string | undefined, secret: string) =>
      credentials.identify({ user, secret });
    expect(identify(undefined, LONG)).toEqual({ name: 'token', role: 'operator' });
    expect(identify('bo', 'long enough')).toEqual({ name: 'bo', role: 'read-only' });
    expect(identify(undefined, 'long enough')).toBeUndefined();
    expect(identify('', LONG)).toBeUndefined();
    expect(identify('bo', LONG)).toBeUndefined();
  });
});

test('a session ends after twelve hours', () => {
  let now = 0;
  const sessions = new Sessions(() => now);
  const secret = sessions.open({ name: 'ada', role: 'operator' });
  now = 12 * 3_600_000 - 1;
  expect(sessions.find(secret)).toEqual({ name: 'ada', role: 'operator' });
  now += 1;
  expect(sessions.find(secret)).toBeUndefined();
  expect(sessions.find('nonsense')).toBeUndefined();
});

test('wrong credentials are counted for each address, and forgotten after a minute', () => {
  let now = 0;
  const limit = new FailureLimit(() => now);
  for (let tries = 0; tries < 10; tries += 1) limit.note('a');
  expect(limit.isReached('a')).toBe(true);
  expect(limit.isReached('b')).toBe(false);
  now = 60_000;
  expect(limit.isReached('a')).toBe(false);
});

test('all addresses of one IPv6 network wait together', () => {
  const limit = new FailureLimit(() => 0);
  for (let tries = 0; tries < 10; tries += 1) limit.note(`2001:db8:1:2::${tries}`);
  expect(limit.isReached('2001:db8:1:2:ffff::1')).toBe(true);
  expect(limit.isReached('2001:db8:1:3::1')).toBe(false);
});

test('very many addresses do not let one that guesses go on', () => {
  const limit = new FailureLimit(() => 0);
  for (let at = 0; at < 9_999; at += 1) limit.note(`many ${at}`);
  for (let tries = 0; tries < 10; tries += 1) limit.note('guesses');
  for (let at = 0; at < 9_000; at += 1) limit.note(`more ${at}`);
  expect(limit.isReached('guesses')).toBe(true);
});

describe('the address of a visitor', () => {
  test.each([
    ['127.0.0.1', undefined, '127.0.0.1'],
    ['127.0.0.1', '203.0.113.1', '203.0.113.1'],
    ['127.0.0.1', 'evil, 203.0.113.1', '203.0.113.1'],
    ['127.0.0.1', '203.0.113.1:443', '203.0.113.1'],
    ['127.0.0.1', '[2001:db8::1]:443', '2001:db8::1'],
    ['127.0.0.1', '2001:db8::1', '2001:db8::1'],
    ['127.0.0.1', 'unknown', '127.0.0.1'],
    ['127.0.0.1', '', '127.0.0.1'],
    [undefined, undefined, 'unknown'],
  ])('%j, with %j forwarded, is %j', (connected, forwarded, address) => {
    expect(visitorAddress(connected, forwarded, true)).toBe(address);
  });

  test('is whoever connected where no proxy is trusted', () => {
    expect(visitorAddress('127.0.0.1', '203.0.113.1', false)).toBe('127.0.0.1');
  });

  test.each([
    ['203.0.113.1', '203.0.113.1'],
    ['::ffff:203.0.113.1', '203.0.113.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::1', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['unknown', 'unknown'],
  ])('%s is in the network %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});

test("a form's token is its owner's only, and this server's only", () => {
  const tokens = new FormTokens();
  const token = tokens.of('ada');
  expect(tokens.isOf('ada', token)).toBe(true);
  expect(tokens.isOf('bo', token)).toBe(false);
  expect(tokens.isOf('ada', '')).toBe(false);
  expect(new FormTokens().isOf('ada', token)).toBe(false);
});

describe('a host', () => {
  test.each([undefined, '', 'a b', 'user@localhost', '/', '127.0.0.1@evil.example'])(
    '%j is refused',
    (host) => {
      expect(refuseHost(host, [])).toBeDefined();
    },
  );
});

describe('a prefix', () => {
  const trusting = { prefix: '/own', trustForwardedPrefix: true };

  test.each([
    ['/proxy', '/proxy'],
    ['/proxy/', '/proxy'],
    ['', ''],
    ['//evil.example', '/own'],
    ['/a/../b', '/own'],
    ['/a"b', '/own'],
  ])('of the header %j is %j', (header, prefix) => {
    expect(prefixOf(new Headers({ 'x-forwarded-prefix': header }), trusting)).toBe(prefix);
  });

  test('is taken off whole names only', () => {
    expect(withoutPrefix('/own/consumers', '/own')).toBe('/consumers');
    expect(withoutPrefix('/own', '/own')).toBe('/');
    expect(withoutPrefix('/ownership', '/own')).toBe('/ownership');
  });
});
