import { describe, expect, test } from 'vitest';
import { isLoopback, parseBindAddress, shownAddress } from '../../src/admin/web/bind-address.ts';
import { Credentials } from '../../src/admin/web/credentials.ts';
import { FailureLimit } from '../../src/admin/web/failure-limit.ts';
import { FormTokens } from '../../src/admin/web/form-tokens.ts';
import { prefixOf, withoutPrefix } from '../../src/admin/web/prefix.ts';
import { refuseHost } from '../../src/admin/web/request-guard.ts';
import { Sessions } from '../../src/admin/web/sessions.ts';

const DEFAULTS = { host: '127.0.0.1', port: 7432 };

describe('an address to listen at', () => {
  test.each([
    ['8080', { host: '127.0.0.1', port: 8080 }],
    [':8080', { host: '127.0.0.1', port: 8080 }],
    ['0.0.0.0', { host: '0.0.0.0', port: 7432 }],
    ['0.0.0.0:80', { host: '0.0.0.0', port: 80 }],
    ['db.internal:80', { host: 'db.internal', port: 80 }],
    ['[::1]:80', { host: '::1', port: 80 }],
    ['[::1]', { host: '::1', port: 7432 }],
    ['::1', { host: '::1', port: 7432 }],
  ])('%s', (text, address) => {
    expect(parseBindAddress(text, DEFAULTS)).toEqual(address);
  });

  test.each(['', 'http://localhost', 'a b', '1.2.3.4:99999', 'host:', '[nothing]:1', 'a/b'])(
    '%j is none',
    (text) => {
      expect(() => parseBindAddress(text, DEFAULTS)).toThrow('is no address to listen at');
    },
  );

  test.each(['127.0.0.1', '127.9.9.9', '::1', 'localhost', 'LOCALHOST', '::ffff:127.0.0.1'])(
    '%s is only for this machine',
    (host) => {
      expect(isLoopback(host)).toBe(true);
    },
  );

  test.each(['0.0.0.0', '::', '', '127.example.com', '10.0.0.1', 'localhost.example.com'])(
    '%j is for others, too',
    (host) => {
      expect(isLoopback(host)).toBe(false);
    },
  );

  test('is shown as a URL has it', () => {
    expect(shownAddress({ host: '::1', port: 80 })).toBe('[::1]:80');
  });
});

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
