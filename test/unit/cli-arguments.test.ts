import { beforeEach, describe, expect, test } from 'vitest';
import { runCommandLine } from '../support/command-line.ts';
import { folderWith } from '../support/temporary-folder.ts';

let cwd: string;

beforeEach(async () => {
  cwd = await folderWith({});
});

/** The one call that a command line leads to. */
async function callOf(...parameters: string[]) {
  const { calls, stderr, exitCode } = await runCommandLine(parameters, { cwd });
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);
  const [call] = calls;
  if (call === undefined || calls.length !== 1) throw new Error(`${calls.length} calls`);
  return call;
}

const NO_FILTERS = { consumers: [], apps: [], excludeConsumers: [] };

const NO_GRANTS = { producer: [], consumer: [], cleanup: [] };

describe('migrate', () => {
  test.each([
    [[], { status: false, to: undefined, down: false, dryRun: false }],
    [['--status'], { status: true, to: undefined, down: false, dryRun: false }],
    [['--to', '0002_orders'], { status: false, to: '0002_orders', down: false, dryRun: false }],
    [['--down', '--dry-run'], { status: false, to: undefined, down: true, dryRun: true }],
  ])('%j', async (flags, options) => {
    const call = await callOf('migrate', ...flags);
    expect(call).toMatchObject({
      command: 'migrate',
      parameters: [{ ...options, grants: NO_GRANTS }],
    });
  });

  test('takes roles for each right, repeated or comma-separated', async () => {
    const call = await callOf(
      'migrate',
      ...['--grant-producer', 'app,web', '--grant-producer=app'],
      ...['--grant-consumer', 'Daemon', '--grant-cleanup', 'janitor'],
    );
    expect(call.parameters).toMatchObject([
      { grants: { producer: ['app', 'web'], consumer: ['Daemon'], cleanup: ['janitor'] } },
    ]);
  });
});

describe('adopt', () => {
  test.each([
    [['--keep-pending'], { keepPending: true, skipPending: false }],
    [['--skip-pending'], { keepPending: false, skipPending: true }],
  ])('%j', async (flags, options) => {
    expect(await callOf('adopt', ...flags)).toMatchObject({
      command: 'adopt',
      parameters: [options],
    });
  });
});

describe('listen', () => {
  test('takes every option', async () => {
    const call = await callOf(
      'listen',
      ...['--consumers', 'a', 'b', '--apps', 'shop', '--exclude-consumers', 'c'],
      ...['--timeout', '1.5', '--max-batch-size', '7', '--skip-playback'],
      ...['--reconnect-delay', '2', '--shutdown-timeout', '0', '--once', '--migrate'],
    );
    expect(await callOf('listen', '--metrics', '0.0.0.0:1')).toMatchObject({
      context: { config: { metrics: { host: '0.0.0.0', port: 1 } } },
    });
    expect(await callOf('listen', '--metrics')).toMatchObject({
      context: { config: { metrics: { host: '127.0.0.1', port: 9464 } } },
    });
    expect(call.command).toBe('listen');
    expect(call.parameters).toEqual([
      { consumers: ['a', 'b'], apps: ['shop'], excludeConsumers: ['c'], once: true, migrate: true },
    ]);
    expect(call.context.config).toMatchObject({
      timeoutSeconds: 1.5,
      maxBatchSize: 7,
      skipPlayback: true,
      reconnectDelaySeconds: 2,
      shutdownTimeoutSeconds: 0,
    });
  });

  test('without options leaves them to the configuration', async () => {
    const call = await callOf('listen');
    expect(call.parameters).toEqual([{ ...NO_FILTERS, once: false, migrate: false }]);
    expect(call.context.config).toMatchObject({ timeoutSeconds: 30, skipPlayback: false });
  });

  test('--list-consumers is the command list-consumers', async () => {
    const viaFlag = await callOf('listen', '--list-consumers', '--json', '--apps', 'shop');
    const direct = await callOf('list-consumers', '--json', '--apps', 'shop');
    expect(viaFlag).toMatchObject({ command: 'listConsumers', parameters: direct.parameters });
    expect(direct.parameters).toEqual([{ ...NO_FILTERS, apps: ['shop'], json: true }]);
  });
});

describe('the commands that show how things stand', () => {
  test.each([
    [['tail'], 'tail', [{ channels: [], since: undefined, json: false }]],
    [
      ['tail', 'a', 'b', '--since', '15m', '--json'],
      'tail',
      [{ channels: ['a', 'b'], since: '15m', json: true }],
    ],
    [['explain', '7'], 'explain', [{ json: false }, '7', undefined]],
    [['explain', '7', 'mails', '--json'], 'explain', [{ json: true }, '7', 'mails']],
    [['doctor'], 'doctor', [{ quick: false, json: false }]],
    [['doctor', '--quick', '--json'], 'doctor', [{ quick: true, json: true }]],
    [['status', '--watch'], 'status', [{ watch: true, json: false }]],
  ])('%j', async (words, command, parameters) => {
    const [first = '', ...rest] = words;
    expect(await callOf(first, ...rest)).toMatchObject({ command, parameters });
  });
});

describe('a list of names', () => {
  test.each([
    [['--consumers', 'a', 'b']],
    [['--consumers', 'a,b']],
    [['--consumers=a,b']],
    [['--consumers', 'a', '--consumers', 'b']],
    [['--consumers', ' a , b ']],
    [['--consumers', 'a', 'a,b', '--consumers=b']],
  ])('may be written as %j', async (flags) => {
    const call = await callOf('list-consumers', ...flags);
    expect(call.parameters).toEqual([{ ...NO_FILTERS, consumers: ['a', 'b'], json: false }]);
  });

  test.each([
    [['--consumers']],
    [['--consumers=']],
    [['--consumers', '']],
    [['--apps', 'a,,b']],
    [['--exclude-consumers', 'a,']],
    [['--apps', ' ']],
  ])('with an empty name is refused: %j', async (flags) => {
    const { exitCode, stderr, calls } = await runCommandLine(['listen', ...flags], { cwd });
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/A name is empty|argument missing/);
    expect(calls).toEqual([]);
  });
});

describe('cleanup', () => {
  test.each([
    [[], 7, { dryRun: false, includeUnprocessed: false, includeDead: false }],
    [['--days=0.5'], 0.5, { dryRun: false, includeUnprocessed: false, includeDead: false }],
    [
      ['--days', '0', '--dry-run'],
      0,
      { dryRun: true, includeUnprocessed: false, includeDead: false },
    ],
    [
      ['--include-unprocessed', '--include-dead'],
      7,
      { dryRun: false, includeUnprocessed: true, includeDead: true },
    ],
  ])('%j', async (flags, days, options) => {
    const call = await callOf('cleanup', ...flags);
    expect(call).toMatchObject({ command: 'cleanup', parameters: [options] });
    expect(call.context.config.cleanup).toEqual({ days });
  });
});

describe('notify', () => {
  test.each([
    [['my_channel'], [{ key: undefined }, 'my_channel', '{}']],
    [
      ['my_channel', '{"a":1}'],
      [{ key: undefined }, 'my_channel', '{"a":1}'],
    ],
    [
      ['my_channel', '-'],
      [{ key: undefined }, 'my_channel', '-'],
    ],
    [
      ['my_channel', '-5'],
      [{ key: undefined }, 'my_channel', '-5'],
    ],
    [
      ['--key', 'k', 'my_channel', '[]'],
      [{ key: 'k' }, 'my_channel', '[]'],
    ],
    [
      ['--', '--odd', '"--"'],
      [{ key: undefined }, '--odd', '"--"'],
    ],
    [['migrate'], [{ key: undefined }, 'migrate', '{}']],
  ])('%j', async (flags, parameters) => {
    const call = await callOf('notify', ...flags);
    expect(call.command).toBe('notify');
    expect(call.parameters).toEqual(parameters);
  });
});

describe('global options', () => {
  const options = [
    '--database-url',
    'postgres://h/db',
    '--log-level',
    'warn',
    '--log-format',
    'json',
  ];
  const expected = {
    database: { kind: 'url', url: 'postgres://h/db' },
    logLevel: 'warn',
    logFormat: 'json',
  };

  test('stand before or after the command', async () => {
    expect((await callOf(...options, 'listen')).context.config).toMatchObject(expected);
    expect((await callOf('listen', ...options)).context.config).toMatchObject(expected);
    const mixed = await callOf('listen', '--consumers', 'a', 'b', ...options, '--once');
    expect(mixed.context.config).toMatchObject(expected);
    expect(mixed.parameters).toEqual([
      { ...NO_FILTERS, consumers: ['a', 'b'], once: true, migrate: false },
    ]);
  });

  test('the last one counts', async () => {
    const call = await callOf('--log-level', 'warn', 'listen', '--log-level', 'error');
    expect(call.context.config.logLevel).toBe('error');
  });

  test('--config names the configuration file', async () => {
    cwd = await folderWith({ 'other.json': '{"poolSize":3}' });
    expect((await callOf('listen', '--config', 'other.json')).context.config.poolSize).toBe(3);
  });
});

describe('wrong usage', () => {
  test.each([
    [['listne'], "Unknown command 'listne'.", 'Did you mean listen?'],
    [['help', 'listn'], `Unknown command 'listn'. Did you mean "listen"?`, 'There are: migrate,'],
    [['listen', '--tiemout', '3'], "Unknown option '--tiemout'.", 'Did you mean --timeout?'],
    [
      ['listen', '--databse-url', 'x'],
      "Unknown option '--databse-url'.",
      'Did you mean --database-url?',
    ],
    [
      ['listen', 'a'],
      "Too many arguments for 'listen'. Expected 0 arguments but got 1.",
      'Run pgwatch listen --help',
    ],
    [
      ['listen', '--timeout'],
      "Option '--timeout <seconds>' argument missing.",
      'Run pgwatch listen --help',
    ],
    [['notify'], "Missing required argument 'channel'.", 'Run pgwatch notify --help'],
    [['notify', 'c', '--key', ''], 'It is empty.', 'Run pgwatch notify --help'],
    [['migrate', '--to', ''], 'It is empty.', 'Run pgwatch migrate --help'],
    [
      ['migrate', '--status', '--down'],
      "'--status' cannot be used with option '--down'",
      'Run pgwatch migrate',
    ],
    [
      ['migrate', '--status', '--to', 'x'],
      "'--status' cannot be used with option '--to <name>'",
      'Run',
    ],
    [
      ['migrate', '--status', '--dry-run'],
      "'--status' cannot be used with option '--dry-run'",
      'Run',
    ],
    [
      ['migrate', '--to', 'x', '--down'],
      "'--to <name>' cannot be used with option '--down'",
      'Run',
    ],
    [
      ['listen', '--json'],
      "Option '--json' needs option '--list-consumers'.",
      'Run pgwatch listen',
    ],
    [
      ['listen', '--list-consumers', '--once'],
      "'--list-consumers' cannot be used with option '--once'",
      'Run',
    ],
    [['listen', '--once', '--metrics'], "'--once' cannot be used with option '--metrics", 'Run'],
    [
      ['listen', '--metrics', 'here'],
      'flag --metrics: expected an address as "127.0.0.1:9464", true or false, found "here".',
      'docs/configuration.md',
    ],
    [['--wrong'], "Unknown option '--wrong'.", 'Run pgwatch --help'],
    [['listen', '--timeout', 'soon'], 'flag --timeout: expected a number', 'docs/configuration.md'],
    [['listen', '--log-level', 'loud'], 'flag --log-level: expected one of trace, debug', 'docs/'],
  ])('%j exits with 2 and says what to do', async (parameters, what, hint) => {
    const env = { PGWATCH_LOG_FORMAT: 'pretty' };
    const run = await runCommandLine(parameters, { cwd, env });
    expect(run).toMatchObject({ exitCode: 2, stdout: '', calls: [] });
    const [first, second] = run.stderr.split('\n');
    expect(first).toMatch(/^error\[USAGE\]: /);
    expect(first).toContain(what);
    expect(second).toMatch(/^ {2}→ /);
    expect(second).toContain(hint);
  });

  test('no command at all prints the help to standard error and exits with 2', async () => {
    const run = await runCommandLine([], { cwd });
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
    expect(run.stderr).toContain('Usage: pgwatch [options] <command>');
  });
});

describe('help and version', () => {
  test.each([
    [['--help'], 'list-consumers'],
    [['help'], 'list-consumers'],
    [['listen', '--help'], '--shutdown-timeout <seconds>'],
    [['help', 'listen'], '--database-url <url>'],
  ])('%j goes to standard output and exits with 0', async (parameters, text) => {
    const run = await runCommandLine(parameters, { cwd });
    expect(run).toMatchObject({ exitCode: 0, stderr: '', calls: [] });
    expect(run.stdout).toContain(text);
  });

  test('no description breaks a line where the terminal does not', async () => {
    for (const command of ['migrate', 'listen', 'list-consumers', 'cleanup', 'adopt', 'notify']) {
      const { stdout } = await runCommandLine(['help', command], { cwd });
      const [, description = ''] = stdout.split('\n\n');
      const lines = description.split('\n');
      // Each line is full: the first word of the next one has no room in it.
      for (const [index, line] of lines.slice(0, -1).entries()) {
        const word = lines[index + 1]?.split(' ')[0] ?? '';
        expect(`${line} ${word}`.length, command).toBeGreaterThan(80);
      }
    }
  });

  test('--version prints the version alone', async () => {
    const run = await runCommandLine(['--version'], { cwd });
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(run.stdout).toMatch(/^\d+\.\d+\.\d+\S*\n$/);
  });
});

describe('replay and discard', () => {
  const NOTHING = {
    consumer: 'mails',
    ids: [],
    channels: [],
    since: undefined,
    until: undefined,
    key: undefined,
    where: [],
    dead: false,
    all: false,
    dryRun: false,
    yes: false,
  };

  test.each([
    [['--all', '--yes'], { all: true, yes: true }],
    [['--id', '1,2', '--id', '3'], { ids: ['1', '2', '3'] }],
    [
      ['--channel', 'a', 'b', '--dead', '--dry-run'],
      { channels: ['a', 'b'], dead: true, dryRun: true },
    ],
    [['--since', '1h', '--until', '5m', '--key', 'k'], { since: '1h', until: '5m', key: 'k' }],
    [['--where', 'table=users', 'action=DELETE'], { where: ['table=users', 'action=DELETE'] }],
  ])('%j', async (flags, options) => {
    for (const command of ['replay', 'discard']) {
      const call = await callOf(command, '--consumer', 'mails', ...flags);
      expect(call).toMatchObject({ command, parameters: [{ ...NOTHING, ...options }] });
    }
  });

  test('need a consumer', async () => {
    const { exitCode, stderr } = await runCommandLine(['replay', '--all'], { cwd });
    expect(stderr).toContain('--consumer');
    expect(exitCode).toBe(2);
  });
});

describe('pause, resume and forget', () => {
  test.each(['pause', 'resume'])('%s', async (command) => {
    expect(await callOf(command, 'mails')).toMatchObject({ command, parameters: ['mails'] });
  });

  test('forget', async () => {
    const call = await callOf('forget', 'mails', '-y');
    expect(call).toMatchObject({ command: 'forget', parameters: [{ yes: true }, 'mails'] });
  });
});

describe('status', () => {
  test.each([
    [[], { watch: false, json: false }],
    [['--watch', '--json'], { watch: true, json: true }],
  ])('%j', async (flags, options) => {
    expect(await callOf('status', ...flags)).toMatchObject({
      command: 'status',
      parameters: [options],
    });
  });
});
