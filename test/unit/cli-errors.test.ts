import { describe, expect, test } from 'vitest';
import { PgwatchError } from '../../src/errors.ts';
import { runCommandLine } from '../support/command-line.ts';
import { folderWith } from '../support/temporary-folder.ts';

async function runFailing(error: unknown, ...flags: string[]) {
  return runCommandLine(['listen', ...flags], {
    cwd: await folderWith({}),
    body: () => Promise.reject(error),
  });
}

const UNREACHABLE = new PgwatchError('DATABASE_UNREACHABLE', {
  what: 'Cannot connect to postgres://u:s3cret@h/db.',
  why: 'Nothing accepts connections there.',
  hint: 'Start PostgreSQL at postgres://u:s3cret@h/db.',
  cause: new Error('ECONNREFUSED'),
});

describe('an error of pgwatch', () => {
  test('is code, what, why and hint, without a password or a stack', async () => {
    const run = await runFailing(UNREACHABLE, '--log-format', 'pretty');
    expect(run).toMatchObject({ exitCode: 1, stdout: '' });
    expect(run.stderr).toBe(
      'error[DATABASE_UNREACHABLE]: Cannot connect to postgres://u:***@h/db. Nothing accepts connections there.\n' +
        '  → Start PostgreSQL at postgres://u:***@h/db.\n',
    );
  });

  test('is one line of JSON in the JSON format', async () => {
    const run = await runFailing(UNREACHABLE, '--log-format', 'json');
    expect(run.stderr.split('\n')).toHaveLength(2);
    expect(JSON.parse(run.stderr)).toEqual({
      level: 'fatal',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      code: 'DATABASE_UNREACHABLE',
      hint: 'Start PostgreSQL at postgres://u:***@h/db.',
      msg: 'Cannot connect to postgres://u:***@h/db. Nothing accepts connections there.',
    });
  });

  test.each(['pretty', 'json'])('shows how to write a database URL (%s)', async (format) => {
    const flags = ['--database-url', 'mysql://u:s3cret@h/db', '--log-format', format];
    const run = await runCommandLine(['listen', ...flags], { cwd: await folderWith({}) });
    expect(run.stderr).toContain('mysql://u:***@h/db');
    expect(run.stderr).toContain('Write it as postgres://user:password@host:5432/database.');
  });

  test('of the kind usage exits with 2', async () => {
    const error = new PgwatchError('CONSUMER_UNKNOWN', { what: 'No consumer "x".' });
    expect((await runFailing(error)).exitCode).toBe(2);
  });
});

describe('any other error', () => {
  test('is UNEXPECTED, one line and where to learn more', async () => {
    const run = await runFailing(
      new TypeError('x of postgres://u:s3cret@h/db'),
      '--log-format=pretty',
    );
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toBe(
      'error[UNEXPECTED]: TypeError: x of postgres://u:***@h/db\n' +
        '  → --log-level debug shows where it comes from.\n',
    );
  });

  test.each(['debug', 'trace'])('shows its stack and causes at the level %s', async (level) => {
    const error = new Error('outer s', { cause: new Error('inner postgres://u:s3cret@h/db') });
    const run = await runFailing(error, '--log-format=pretty', '--log-level', level);
    expect(run.stderr).toMatch(/outer s\n\s+at .*cli-errors/);
    expect(run.stderr).toMatch(/caused by: Error: inner postgres:\/\/u:\*\*\*@h\/db\n\s+at /);
    expect(run.stderr).not.toContain('s3cret');
  });

  test('may be something that is no Error', async () => {
    const run = await runFailing('just text', '--log-format=pretty');
    expect(run.stderr).toContain('error[UNEXPECTED]: just text\n');
  });

  test('with several causes and no message names them', async () => {
    const error = new AggregateError([new Error('refused ::1'), new Error('refused 127.0.0.1')]);
    const run = await runFailing(error, '--log-format=pretty');
    expect(run.stderr).toContain('refused ::1; refused 127.0.0.1');
  });
});

test("the body's exit code is the program's", async () => {
  const cwd = await folderWith({});
  const run = await runCommandLine(['list-consumers'], { cwd, body: () => Promise.resolve(1) });
  expect(run).toMatchObject({ exitCode: 1, stderr: '' });
});

describe('the format of errors', () => {
  test('is that of the configuration file once it is read', async () => {
    const cwd = await folderWith({ 'pgwatch.config.json': '{"logFormat":"pretty"}' });
    const body = () => Promise.reject(UNREACHABLE);
    expect((await runCommandLine(['listen'], { cwd, body })).stderr).toMatch(/^error\[/);
  });

  test('is that of flag or environment before, and JSON when no terminal is there', async () => {
    const cwd = await folderWith({});
    const wrong = ['listen', '--wrong'];
    expect((await runCommandLine(wrong, { cwd })).stderr).toMatch(/^\{"level":"fatal"/);
    const env = { PGWATCH_LOG_FORMAT: 'pretty' };
    expect((await runCommandLine(wrong, { cwd, env })).stderr).toMatch(/^error\[USAGE\]/);
    const flagged = [...wrong, '--log-format', 'json'];
    expect((await runCommandLine(flagged, { cwd, env })).stderr).toMatch(/^\{"level":"fatal"/);
  });
});

test('a command logs to standard error and writes its result to standard output', async () => {
  const run = await runCommandLine(['list-consumers', '--log-format=json'], {
    cwd: await folderWith({}),
    body: async ({ logger, output }) => {
      logger.info({ count: 2 }, 'consumers found');
      output.write('a\nb\n');
      return 0;
    },
  });
  expect(run.stdout).toBe('a\nb\n');
  expect(JSON.parse(run.stderr)).toMatchObject({ level: 'info', count: 2, msg: 'consumers found' });
});
