import { describe, expect, test } from 'vitest';
import { databaseUrlFault } from '../../src/config/database-url.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { redactJson, redactStart, redactText, redactUrl } from '../../src/redact.ts';
import { folderWith } from '../support/temporary-folder.ts';

describe('a database URL', () => {
  test.each([
    'postgres://localhost/db',
    'postgresql://user:password@host:5432/db?sslmode=require',
    'POSTGRES://localhost/db',
    'postgres://user:p%40ss%2Fword@host/db',
    'postgres://user:a,b@host/db',
    'postgres://[::1]:5432/db',
    'postgresql:///db?host=/var/run/postgresql',
    'postgres://%2Fvar%2Frun%2Fpostgresql/db',
    'postgres://user:password@/db?host=/var/run/postgresql',
    'postgres://user@host/db?application_name=a@b',
    'postgres://user:a,b@host1,host2:5433,[::1]/db',
    'postgres://host1,host2/db?target_session_attrs=read-write&sslmode=require',
    'postgres://host1,host2/db?target_session_attrs=any',
    'postgres://host/db?target_session_attrs=primary',
  ])('%s is accepted', (url) => {
    expect(databaseUrlFault(url)).toBeUndefined();
  });

  test.each([
    ['', 'It is empty.'],
    ['localhost', 'does not start with postgres://'],
    ['mysql://user:s3cret@host/db', 'does not start with postgres://'],
    ['user:s3cret@host/db', 'does not start with postgres://'],
    ['postgres:/user:s3cret@host/db', 'does not start with postgres://'],
    ['postgres://user:s3c/ret@host/db', 'stands before its "@"'],
    ['postgres://user:12/3s3cret@host/db', 'stands before its "@"'],
    ['postgres://user:s3c#ret@host/db', 'stands before its "@"'],
    ['postgres://user:s3c?ret@host/db', 'stands before its "@"'],
    ['postgres://user:s3cret@host/db#x', 'It contains a "#".'],
    ['postgres://user:s3cret@host:port/db', 'not a valid URL'],
    ['postgres://user:s3cret@host:99999/db', 'not a valid URL'],
    ['postgres://user:s3cret%@host/db', 'A "%" in it'],
    ['postgres://user:s3cret@host1,/db', 'One of its hosts is empty.'],
    ['postgres://user:s3cret@host1,host2:port/db', 'not a valid URL'],
    ['postgres://user:s3cret@/db?host=/a,/b', 'several hosts in a parameter'],
    ['postgres://user:s3cret@h1,h2/db?target_session_attrs=standby', 'takes no writes'],
    ['postgres://user:s3cret@h1,h2/db?target_session_attrs=prefer-standby', 'takes no writes'],
    ['postgres://user:s3cret@h1/db?target_session_attrs=read-only', 'takes no writes'],
    ['postgres://user:s3c ret@ho st/db', 'not a valid URL'],
    ['postgres://user:s3cret@host/db?sslmode=foo', 'Its sslmode is "foo".'],
    ['postgres://user:s3cret@h1,h2/db?a=b&sslmode=verify_full', 'Did you mean "verify-full"?'],
  ])('%j is refused, and its password not shown', (url, why) => {
    const fault = databaseUrlFault(url);
    expect(fault?.why).toContain(why);
    expect(JSON.stringify(fault)).not.toMatch(/s3c|ret@/);
  });

  test.each([
    [
      { env: { DATABASE_URL: 'mysql://user:s3cret@host/db' } },
      'environment variable DATABASE_URL: "mysql://user:***@host/db" is not a database URL.',
    ],
    [
      { env: {}, flags: { database: 'embeded' } },
      'It does not start with postgres:// or postgresql://. Did you mean "embedded"?',
    ],
    [
      { env: {}, flags: { database: 'postgres://u:s3cret@h:x/' } },
      'flag --database-url: "postgres://u:***@h:x/" is not a database URL.',
    ],
  ])('that is wrong is an error that names its source', async (sources, message) => {
    const cwd = await folderWith({});
    const loading = loadConfig({ cwd, isTerminal: false, ...sources });
    await expect(loading).rejects.toMatchObject({
      code: 'DATABASE_URL_INVALID',
      message: expect.stringContaining(message),
    });
  });

  test('is what listenUrl must be, too', async () => {
    const cwd = await folderWith({});
    const loading = loadConfig({ cwd, isTerminal: false, env: { PGWATCH_LISTEN_URL: 'embedded' } });
    await expect(loading).rejects.toMatchObject({
      code: 'DATABASE_URL_INVALID',
      message: expect.stringContaining('environment variable PGWATCH_LISTEN_URL: "embedded"'),
    });
  });

  test('that is wrong in the file is reported among its other problems, masked', async () => {
    const cwd = await folderWith({
      'pgwatch.config.json': '{"database":"postgres://u:s3cret@h:x/","poolSize":0}',
    });
    const error = await loadConfig({ cwd, env: {}, isTerminal: false }).catch(String);
    expect(error).toContain('There are 2 problems');
    expect(error).toContain('database: "postgres://u:***@h:x/" is not a database URL.');
    expect(error).not.toContain('s3cret');
  });
});

describe('masking', () => {
  test.each([
    ['postgres://u:s3cret@h/db', 'postgres://u:***@h/db'],
    ['postgres://u@h:5432/db', 'postgres://u@h:5432/db'],
    ['postgres://:s3cret@h/db', 'postgres://:***@h/db'],
    ['postgres://u:s3@cret@h/db', 'postgres://u:***@h/db'],
    ['postgres://u/x:s3cret@h/db', 'postgres://u/x:***@h/db'],
    ['postgresql//u:s3cret@h/db', 'postgresql//u:***@h/db'],
    ['postgres://u:s3 "cret@h/db', 'postgres://u:***@h/db'],
    ['postgres://h/db?user=u&password=s3cret&x=1', 'postgres://h/db?user=u&password=***&x=1'],
  ])('the URL %s', (url, masked) => {
    expect(redactUrl(url)).toBe(masked);
  });

  test.each([
    [
      'cannot connect to postgres://u:s3cret@h/db: refused',
      'cannot connect to postgres://u:***@h/db: refused',
    ],
    ['"postgres://u:s3"cret@h/db" and more', '"postgres://u:***@h/db" and more'],
    ['redis://u:s3cret@h:1 https://x:s3cret@y/z', 'redis://u:***@h:1 https://x:***@y/z'],
    ['host=h password=s3cret dbname=d', 'host=h password=*** dbname=d'],
    [
      'postgres://h/db?user=u&password=***: refused',
      'postgres://h/db?user=u&password=***: refused',
    ],
    ['postgres://h/db?password=***.', 'postgres://h/db?password=***.'],
    ['password=***:s3cret password=***s3cret', 'password=*** password=***'],
    ['http://h:8080/?mail=a@b', 'http://h:8080/?mail=a@b'],
    ['password authentication failed for user "u"', 'password authentication failed for user "u"'],
  ])('a text: %s', (text, masked) => {
    expect(redactText(text)).toBe(masked);
  });

  const EXAMPLE = 'postgres://user:password@host:5432/database';

  test.each([
    `Write it as ${EXAMPLE}. Percent-encode "@" as %40.`,
    `Write it as ${EXAMPLE}.`,
    `${EXAMPLE} or ${EXAMPLE}`,
  ])('leaves the example of a hint as it is: %j', (text) => {
    expect(redactText(text)).toBe(text);
    expect(redactJson(JSON.stringify({ hint: text }))).toBe(JSON.stringify({ hint: text }));
  });

  test.each([
    ['as part of a longer URL', `${EXAMPLE}.s3cret@h/db`, 'postgres://user:***@h/db'],
    ['as the end of one', `postgres://u:s3cret${EXAMPLE}`, 'postgres://u:***@host:5432/database'],
    ['in quotes', `"${EXAMPLE}"s3cret@h`, '"postgres://user:***@h'],
    [
      'with another password',
      EXAMPLE.replace('password', 'Password'),
      'postgres://user:***@host:5432/database',
    ],
    [
      'beside a real URL',
      `${EXAMPLE} postgres://u:s3cret@h/db`,
      `${EXAMPLE} postgres://u:***@h/db`,
    ],
  ])('masks a password %s as ever', (_where, text, masked) => {
    expect(redactText(text)).toBe(masked);
    const line = JSON.stringify({ hint: text });
    expect(JSON.parse(redactJson(line))).toEqual({ hint: masked });
  });

  test('a URL that is the example is masked as any other', () => {
    expect(redactUrl(EXAMPLE)).toBe('postgres://user:***@host:5432/database');
  });

  test.each([
    ['postgres://u:s3"cret@h/db', 'postgres://u:***@h/db'],
    ['postgres://u:s3\\cret@h/db', 'postgres://u:***@h/db'],
    ['x password=s3cret"y', 'x password=***"y'],
    ['x password=s3\\cret\nb@c', 'x password=***\nb@c'],
    ['postgres://h:1/db\na@b', 'postgres://h:1/db\na@b'],
    ['postgres://h/db?password=***: x', 'postgres://h/db?password=***: x'],
    ['password=***:s3cret', 'password=***'],
    ['password=***', 'password=***'],
    ['password=***:"s3cret', 'password=***:"s3cret'],
  ])('a line of JSON with %j stays valid JSON', (text, masked) => {
    const line = JSON.stringify({ text, mail: 'x@y', other: '"@' });
    expect(JSON.parse(redactJson(line))).toEqual({ text: masked, mail: 'x@y', other: '"@' });
  });
});

test('masks the beginning of a text of megabytes without reading all of it, also at the cut', () => {
  const long = 'postgres://db.example/shop,'.repeat(1_000_000);
  expect(redactStart(long, 100)).toBe(long.slice(0, 100));
  expect(redactStart('see postgres://app:s3cret@db', 21)).toBe('see postgres://app:**');
});
