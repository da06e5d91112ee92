import { describe, expect, test } from 'vitest';
import { type ConfigSources, loadConfig } from '../../src/config/load-config.ts';
import { PgwatchError } from '../../src/errors.ts';
import { folderWith } from '../support/temporary-folder.ts';

async function problemOf(config: unknown, sources: Partial<ConfigSources> = {}) {
  const cwd = await folderWith({ 'pgwatch.config.json': JSON.stringify(config) });
  const error = await loadConfig({ cwd, env: {}, isTerminal: false, ...sources }).catch(
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof PgwatchError)) throw new Error('The configuration was accepted.');
  return { code: error.code, message: error.message.replaceAll(`${cwd}/`, ''), hint: error.hint };
}

async function isAccepted(config: unknown): Promise<boolean> {
  const cwd = await folderWith({ 'pgwatch.config.json': JSON.stringify(config) });
  return loadConfig({ cwd, env: {}, isTerminal: false }).then(
    () => true,
    () => false,
  );
}

describe('a value of the wrong type or out of range', () => {
  test.each([
    [{ timeoutSeconds: '30' }, 'timeoutSeconds: expected a number from 0.1 to 86400, found "30".'],
    [{ maxBatchSize: 0 }, 'maxBatchSize: expected a whole number from 1 to 10000, found 0.'],
    [{ maxBatchSize: 1.5 }, 'maxBatchSize: expected a whole number from 1 to 10000, found 1.5.'],
    [{ poolSize: null }, 'poolSize: expected a whole number from 1 to 1000, found null.'],
    [{ retry: { jitter: 2 } }, 'retry.jitter: expected a number from 0 to 1, found 2.'],
    [{ retry: 3 }, 'retry: expected an object, found 3.'],
    [{ cleanup: [] }, 'cleanup: expected an object, found [].'],
    [{ cleanup: { days: -1 } }, 'cleanup.days: expected a number from 0 to 36500, found -1.'],
    [
      { admin: { port: 70_000 } },
      'admin.port: expected a whole number from 0 to 65535, found 70000.',
    ],
    [
      { admin: { prefix: 'https://evil.example' } },
      'admin.prefix: expected a path such as "/pgwatch", found "https://evil.example".',
    ],
    [
      { redact: ['a..b'] },
      'redact[0]: expected a list of column names and paths such as "new_data.card.number", found "a..b".',
    ],
    [{ skipPlayback: 'yes' }, 'skipPlayback: expected true or false, found "yes".'],
    [
      { logLevel: 'verbose' },
      'logLevel: expected one of trace, debug, info, warn, error, fatal, silent, found "verbose".',
    ],
    [{ logFormat: 1 }, 'logFormat: expected one of pretty, json, found 1.'],
    [{ migrations: '' }, 'migrations: expected a folder, found "".'],
    [{ database: 5 }, 'database: expected a PostgreSQL URL or "embedded", found 5.'],
    [
      { retry: { minDelaySeconds: 30, maxDelaySeconds: 10 } },
      'retry.maxDelaySeconds: expected at least retry.minDelaySeconds (30), found 10.',
    ],
    [{ consumers: { shop: 3 } }, 'consumers.shop: expected a glob or a list of globs, found 3.'],
    [
      { consumers: 3 },
      'consumers: expected a glob, a list of globs, or an object of globs by app name, found 3.',
    ],
    [{ consumers: ['a', ''] }, 'consumers[1]: expected a glob, found "".'],
    [{ consumers: { shop: [1] } }, 'consumers.shop[0]: expected a glob, found 1.'],
    [
      { consumers: { 'a,b': 'x' } },
      'consumers["a,b"]: expected an app name without commas, and without spaces around it, found "a,b".',
    ],
  ])('%j is reported with path, expected and found', async (config, message) => {
    const problem = await problemOf(config);
    expect(problem.code).toBe('CONFIG_INVALID');
    expect(problem.message).toBe(`pgwatch.config.json: ${message}`);
    expect(problem.hint).toContain('docs/configuration.md');
  });

  test.each([
    [{ consumers: '' }],
    [{ consumers: ['a', ''] }],
    [{ consumers: { 'a,b': 'x' } }],
    [{ consumers: { '': 'x' } }],
    [{ schema: '' }],
    [{ schema: 'x'.repeat(64) }],
    [{ schema: 'é'.repeat(32) }],
    [{ schema: 'a\0b' }],
    [{ schema: '\ud800' }],
    [{ schema: 'pg_own' }],
    [{ functionsSchema: 'pg_catalog' }],
  ])('%j is refused', async (config) => {
    expect((await problemOf(config)).code).toBe('CONFIG_INVALID');
  });

  test.each([
    [{ schema: 'x'.repeat(63) }],
    [{ schema: 'é'.repeat(31) }],
    [{ schema: 'My "odd" schema' }],
    [{ shutdownTimeoutSeconds: 0 }],
    [{ cleanup: { days: 0 } }],
    [{ retry: { minDelaySeconds: 0, maxDelaySeconds: 0, jitter: 0, factor: 1, maxAttempts: 1 } }],
    [{ consumers: [] }],
  ])('%j is accepted', async (config) => {
    expect(await isAccepted(config)).toBe(true);
  });

  test.each(['NaN', 'Infinity', '-Infinity'])('%s is no number', async (value) => {
    const cwd = await folderWith({
      'pgwatch.config.mjs': `export default { timeoutSeconds: ${value} };`,
    });
    const loading = loadConfig({ cwd, env: {}, isTerminal: false });
    await expect(loading).rejects.toThrow(
      `timeoutSeconds: expected a number from 0.1 to 86400, found ${value}.`,
    );
  });
});

describe('an unknown key', () => {
  test.each([
    [{ timeoutSecond: 3 }, 'timeoutSecond: there is no such key. Did you mean "timeoutSeconds"?'],
    [
      { retry: { maxAttemps: 3 } },
      'retry.maxAttemps: there is no such key. Did you mean "maxAttempts"?',
    ],
    [{ max_batch_size: 3 }, 'max_batch_size: there is no such key. Did you mean "maxBatchSize"?'],
    [{ colour: 'red' }, 'colour: there is no such key.'],
  ])('%j is reported with a suggestion when one is near', async (config, message) => {
    expect((await problemOf(config)).message).toBe(`pgwatch.config.json: ${message}`);
  });
});

test('all problems of all sources are reported at once', async () => {
  const { code, message } = await problemOf(
    { poolSize: 0, tiemout: 1, retry: { factor: 0, jiter: 1 }, other: 1 },
    { env: { PGWATCH_MAX_BATCH_SIZE: 'many' }, flags: { timeoutSeconds: 'x' } },
  );
  expect(code).toBe('CONFIG_INVALID');
  const [title, ...lines] = message.split('\n');
  expect(title).toBe('There are 7 problems:');
  expect(lines.map((line) => line.trim())).toEqual(
    expect.arrayContaining([
      'pgwatch.config.json: poolSize: expected a whole number from 1 to 1000, found 0.',
      'pgwatch.config.json: tiemout: there is no such key.',
      'pgwatch.config.json: retry.factor: expected a number from 1 to 100, found 0.',
      'pgwatch.config.json: retry.jiter: there is no such key. Did you mean "jitter"?',
      'pgwatch.config.json: other: there is no such key.',
      'environment variable PGWATCH_MAX_BATCH_SIZE: expected a whole number from 1 to 10000, found "many".',
      'flag --timeout: expected a number from 0.1 to 86400, found "x".',
    ]),
  );
});

test('each fault of consumers is reported at its place', async () => {
  const { message } = await problemOf({ consumers: { shop: ['a', 1, null], '': 'x', mail: {} } });
  expect(message.split('\n').map((line) => line.trim())).toEqual([
    'There are 4 problems:',
    'pgwatch.config.json: consumers.shop[1]: expected a glob, found 1.',
    'pgwatch.config.json: consumers.shop[2]: expected a glob, found null.',
    'pgwatch.config.json: consumers[""]: expected an app name without commas, and without spaces around it, found "".',
    'pgwatch.config.json: consumers.mail: expected a glob or a list of globs, found {}.',
  ]);
});

describe('a bad value from outside', () => {
  test('names the environment variable', async () => {
    const env = { PGWATCH_RECONNECT_DELAY: '0x10' };
    expect(await problemOf({}, { env })).toMatchObject({
      code: 'CONFIG_INVALID',
      message:
        'environment variable PGWATCH_RECONNECT_DELAY: expected a number from 0.01 to 3600, found "0x10".',
    });
  });

  test('names the flag, and is wrong usage', async () => {
    const flags = { 'cleanup.days': '' };
    expect(await problemOf({}, { flags })).toMatchObject({
      code: 'USAGE',
      message: 'flag --days: expected a number from 0 to 36500, found "".',
    });
  });

  test('does not count when something of higher precedence is given', async () => {
    const cwd = await folderWith({});
    const config = await loadConfig({
      cwd,
      env: { PGWATCH_TIMEOUT: 'x' },
      flags: { timeoutSeconds: '1e1' },
      isTerminal: false,
    });
    expect(config.timeoutSeconds).toBe(10);
  });
});
