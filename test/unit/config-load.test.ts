import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type ConfigSources, loadConfig } from '../../src/config/load-config.ts';
import { folderWith } from '../support/temporary-folder.ts';

const URL_A = 'postgres://a@localhost/a';
const URL_B = 'postgres://b@localhost/b';

function load(cwd: string, sources: Partial<ConfigSources> = {}) {
  return loadConfig({ cwd, env: {}, isTerminal: false, ...sources });
}

describe('without any source', () => {
  test('every key has its default', async () => {
    const cwd = await folderWith({});
    expect(await load(cwd)).toEqual({
      root: cwd,
      file: undefined,
      database: { kind: 'none' },
      listenUrl: undefined,
      preparedStatements: true,
      wake: 'listen',
      pollSeconds: 1,
      schema: 'pgwatch',
      functionsSchema: 'public',
      consumers: { kind: 'globs', globs: ['consumers/**/*.{ts,mts,js,mjs}'] },
      migrations: undefined,
      logLevel: 'info',
      logFormat: 'json',
      timeoutSeconds: 30,
      maxBatchSize: 100,
      maxBatchBytes: 16_777_216,
      reconnectDelaySeconds: 5,
      queryTimeoutSeconds: 30,
      shutdownTimeoutSeconds: 30,
      leaseSeconds: 15,
      handlerTimeoutSeconds: undefined,
      skipPlayback: false,
      retry: {
        maxAttempts: 20,
        minDelaySeconds: 1,
        maxDelaySeconds: 21_600,
        factor: 2,
        jitter: 0.2,
      },
      cleanup: { days: 7 },
      admin: {
        host: '127.0.0.1',
        port: 7432,
        prefix: '',
        trustForwardedPrefix: false,
        trustForwardedFor: false,
        allowedHosts: [],
      },
      redact: [],
      poolSize: 10,
    });
  });

  test('the log is pretty on a terminal', async () => {
    const config = await load(await folderWith({}), { isTerminal: true });
    expect(config.logFormat).toBe('pretty');
  });
});

describe('named prepared statements', () => {
  test.each([
    ['with listenUrl', { listenUrl: URL_A }, false],
    ["with wake: 'poll'", { wake: 'poll' }, false],
    ['with listenUrl, when asked for', { listenUrl: URL_A, preparedStatements: true }, true],
    ['when refused', { preparedStatements: false }, false],
  ])('%s', async (_, config, expected) => {
    const cwd = await folderWith({ 'pgwatch.config.json': JSON.stringify(config) });
    expect(await load(cwd)).toMatchObject({ preparedStatements: expected });
  });
});

describe('the configuration file', () => {
  test.each([
    ['pgwatch.config.ts', 'export default { poolSize: 3 as number };'],
    ['pgwatch.config.mts', 'export default { poolSize: 3 };'],
    ['pgwatch.config.js', 'export default { poolSize: 3 };'],
    ['pgwatch.config.mjs', 'export default { poolSize: 3 };'],
    ['pgwatch.config.cjs', 'module.exports = { poolSize: 3 };'],
    ['pgwatch.config.json', '{"poolSize": 3}'],
    ['pgwatch.config.yaml', 'poolSize: 3'],
    ['pgwatch.config.yml', 'poolSize: 3'],
    ['pgwatch.config.ts', 'export default () => ({ poolSize: 3 });'],
    ['pgwatch.config.ts', 'export default async () => ({ poolSize: 3 });'],
    ['pgwatch.config.ts', 'export default Promise.resolve({ poolSize: 3 });'],
  ])('is found as %s: %s', async (name, text) => {
    const cwd = await folderWith({ 'package.json': '{"type":"module"}', [name]: text });
    expect(await load(cwd)).toMatchObject({ poolSize: 3, root: cwd, file: join(cwd, name) });
  });

  test('is found in package.json, after any pgwatch.config.*', async () => {
    const manifest = '{"pgwatch":{"poolSize":3}}';
    expect(await load(await folderWith({ 'package.json': manifest }))).toMatchObject({
      poolSize: 3,
    });
    const both = await folderWith({
      'package.json': manifest,
      'pgwatch.config.yml': 'poolSize: 4',
    });
    expect(await load(both)).toMatchObject({ poolSize: 4 });
  });

  test('is found from a folder below, past a package.json without the key', async () => {
    const root = await folderWith({
      'pgwatch.config.json': '{"migrations":"db/migrations","consumers":"handlers/*.ts"}',
      'apps/shop/package.json': '{"name":"shop"}',
    });
    expect(await load(join(root, 'apps/shop'))).toMatchObject({
      root,
      migrations: join(root, 'db/migrations'),
      consumers: { kind: 'globs', globs: ['handlers/*.ts'] },
    });
  });

  test.each(['', '# nothing yet\n', '{}'])('that is empty (%j) says nothing', async (text) => {
    const cwd = await folderWith({ 'pgwatch.config.yaml': text });
    expect(await load(cwd)).toMatchObject({ file: join(cwd, 'pgwatch.config.yaml'), poolSize: 10 });
  });

  test('a key that is undefined counts as absent', async () => {
    const cwd = await folderWith({
      'pgwatch.config.mjs':
        'export default { poolSize: undefined, database: undefined, retry: { factor: undefined } };',
    });
    expect(await load(cwd)).toMatchObject({ poolSize: 10, retry: { factor: 2 } });
  });

  test('sections are completed with the defaults', async () => {
    const cwd = await folderWith({ 'pgwatch.config.json': '{"retry":{"maxAttempts":3}}' });
    expect(await load(cwd)).toMatchObject({ retry: { maxAttempts: 3, factor: 2 } });
  });

  test('consumers may be a list of globs, or globs by app', async () => {
    const list = await folderWith({ 'pgwatch.config.json': '{"consumers":["a/*.ts","b/*.ts"]}' });
    expect(await load(list)).toMatchObject({
      consumers: { kind: 'globs', globs: ['a/*.ts', 'b/*.ts'] },
    });
    const apps = await folderWith({
      'pgwatch.config.json': '{"consumers":{"shop":"a/*.ts","billing":["b/*.ts"]}}',
    });
    expect(await load(apps)).toMatchObject({
      consumers: { kind: 'apps', apps: { shop: ['a/*.ts'], billing: ['b/*.ts'] } },
    });
  });
});

describe('a configuration file that is named', () => {
  test('is taken instead of the one that a search finds, relative to the working directory', async () => {
    const cwd = await folderWith({
      'pgwatch.config.json': '{"poolSize":3}',
      'deploy/production.yaml': 'poolSize: 4',
    });
    const config = await load(cwd, { configFile: 'deploy/production.yaml' });
    expect(config).toMatchObject({ poolSize: 4, root: join(cwd, 'deploy') });
  });

  test('the flag comes before PGWATCH_CONFIG, which comes before the search', async () => {
    const cwd = await folderWith({
      'pgwatch.config.json': '{"poolSize":3}',
      'b.json': '{"poolSize":4}',
      'c.json': '{"poolSize":5}',
    });
    const env = { PGWATCH_CONFIG: 'b.json' };
    expect(await load(cwd, { env })).toMatchObject({ poolSize: 4 });
    expect(await load(cwd, { env, configFile: 'c.json' })).toMatchObject({ poolSize: 5 });
    expect(await load(cwd, { env: { PGWATCH_CONFIG: '' } })).toMatchObject({ poolSize: 3 });
  });

  test.each([
    ['nix.json', 'CONFIG_NOT_FOUND', 'names "nix.json", which does not exist'],
    ['folder.json', 'CONFIG_UNREADABLE', 'folder.json cannot be read'],
    ['settings.toml', 'CONFIG_UNREADABLE', 'must end in .ts, .mts'],
    ['', 'CONFIG_UNREADABLE', 'is not a configuration file'],
    ['package.json', 'CONFIG_INVALID', 'package.json has no key "pgwatch"'],
  ])('%j is refused with %s', async (configFile, code, message) => {
    const cwd = await folderWith({
      'package.json': '{}',
      'settings.toml': 'poolSize = 3',
      'folder.json/inside': '',
    });
    for (const sources of [{ configFile }, { env: { PGWATCH_CONFIG: configFile } }]) {
      if (configFile === '' && 'env' in sources) continue;
      const error = await load(cwd, sources).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
    }
  });
});

describe('a configuration file that cannot be loaded', () => {
  test.each([
    [
      'pgwatch.config.json',
      '{"poolSize": 3,}',
      'CONFIG_UNREADABLE',
      /pgwatch\.config\.json cannot be read: Expected double-quoted property name \(1:16\)$/,
    ],
    [
      'pgwatch.config.yaml',
      'a: [1',
      'CONFIG_UNREADABLE',
      /pgwatch\.config\.yaml cannot be read: .*\(2:1\)|\(1:/,
    ],
    ['package.json', '{', 'CONFIG_UNREADABLE', /package\.json cannot be read: /],
    [
      'pgwatch.config.ts',
      'throw new Error("boom");',
      'CONFIG_UNREADABLE',
      /pgwatch\.config\.ts:1:\d+: boom/,
    ],
    [
      'pgwatch.config.ts',
      'export default () => { throw new Error("boom"); };',
      'CONFIG_UNREADABLE',
      /pgwatch\.config\.ts:1:\d+: boom/,
    ],
    ['pgwatch.config.ts', 'export const config = {};', 'CONFIG_INVALID', /has no default export/],
    ['pgwatch.config.ts', '', 'CONFIG_INVALID', /has no default export/],
    ['pgwatch.config.mjs', '\n', 'CONFIG_INVALID', /has no default export/],
    [
      'pgwatch.config.ts',
      'export default undefined;',
      'CONFIG_INVALID',
      /expected an object, found undefined/,
    ],
    ['pgwatch.config.ts', 'export default 3;', 'CONFIG_INVALID', /expected an object, found 3/],
    ['pgwatch.config.json', '[]', 'CONFIG_INVALID', /expected an object, found \[\]/],
    [
      'pgwatch.config.json',
      '{"database":"postgres://u:s3cret@h/db" 3}',
      'CONFIG_UNREADABLE',
      /^(?!.*s3c).*cannot be read: Expected ',' or '}' after property value/,
    ],
    [
      'pgwatch.config.json',
      '{"database":"postgres://u:s3cret@h/db"]}',
      'CONFIG_UNREADABLE',
      /^(?!.*s3c)(?!.*cret).*cannot be read: /,
    ],
  ])('%s with %s', async (name, text, code, message) => {
    const cwd = await folderWith({ 'package.json': '{"type":"module"}', [name]: text });
    const error = await load(cwd).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  });
});

test.each([
  ['pgwatch.confg.ts', 'which does not exist in', 'pgwatch.config.ts'],
  ['sub/pgwatch.config.js', 'which does not exist in', 'sub/pgwatch.config.json'],
  ['pgwatch.config.tss', 'Its name must end in', 'pgwatch.config.ts'],
])('--config %s beside a file of a similar name suggests it', async (configFile, text, meant) => {
  const cwd = await folderWith({
    'pgwatch.config.ts': 'export default {};',
    'sub/pgwatch.config.json': '{}',
  });
  await expect(load(cwd, { configFile })).rejects.toThrow(text);
  await expect(load(cwd, { configFile })).rejects.toThrow(`Did you mean "${meant}"?`);
});

describe('precedence', () => {
  test('is flag, environment, file, default', async () => {
    const cwd = await folderWith({
      'pgwatch.config.json': '{"timeoutSeconds":1,"cleanup":{"days":1},"logLevel":"warn"}',
    });
    expect(await load(cwd)).toMatchObject({ timeoutSeconds: 1, cleanup: { days: 1 } });
    const env = { PGWATCH_TIMEOUT: '2', PGWATCH_CLEANUP_DAYS: '2', PGWATCH_LOG_LEVEL: 'debug' };
    expect(await load(cwd, { env })).toMatchObject({
      timeoutSeconds: 2,
      cleanup: { days: 2 },
      logLevel: 'debug',
    });
    const flags = { timeoutSeconds: '3', 'cleanup.days': '0.5', logLevel: 'error' };
    expect(await load(cwd, { env, flags })).toMatchObject({
      timeoutSeconds: 3,
      cleanup: { days: 0.5 },
      logLevel: 'error',
    });
  });

  test('holds for each key of a section', async () => {
    const cwd = await folderWith({
      'pgwatch.config.json': '{"admin":{"port":1,"prefix":"/a","allowedHosts":["A.example"]}}',
    });
    const config = await load(cwd, {
      env: { PGWATCH_ADMIN_PORT: '2', PGWATCH_ADMIN_HOST: '::1' },
      flags: { 'admin.port': '3' },
    });
    expect(config.admin).toMatchObject({ host: '::1', port: 3, prefix: '/a' });
    expect(config.admin.allowedHosts).toEqual(['a.example']);
    const env = { PGWATCH_ADMIN_ALLOWED_HOSTS: 'b.example, C.example' };
    expect((await load(cwd, { env })).admin.allowedHosts).toEqual(['b.example', 'c.example']);
  });

  test('of databases is --database-url, PGWATCH_DATABASE_URL, DATABASE_URL, file', async () => {
    const cwd = await folderWith({ 'pgwatch.config.json': '{"database":"embedded"}' });
    const database = async (sources: Partial<ConfigSources>) => (await load(cwd, sources)).database;
    expect(await database({})).toEqual({ kind: 'embedded' });
    expect(await database({ env: { DATABASE_URL: URL_A } })).toEqual({ kind: 'url', url: URL_A });
    const env = { DATABASE_URL: URL_A, PGWATCH_DATABASE_URL: URL_B };
    expect(await database({ env })).toEqual({ kind: 'url', url: URL_B });
    expect(await database({ env, flags: { database: 'embedded' } })).toEqual({ kind: 'embedded' });
  });

  test('an empty environment variable counts as unset', async () => {
    const cwd = await folderWith({});
    const env = { PGWATCH_TIMEOUT: '', PGWATCH_DATABASE_URL: '', DATABASE_URL: URL_A };
    expect(await load(cwd, { env })).toMatchObject({
      timeoutSeconds: 30,
      database: { kind: 'url', url: URL_A },
    });
  });

  test.each([
    ['true', true],
    ['1', true],
    ['YES', true],
    ['on', true],
    ['false', false],
    ['0', false],
    ['no', false],
    ['off', false],
  ])('PGWATCH_SKIP_PLAYBACK=%s is %s', async (text, skipPlayback) => {
    const env = { PGWATCH_SKIP_PLAYBACK: text };
    expect(await load(await folderWith({}), { env })).toMatchObject({ skipPlayback });
  });
});
