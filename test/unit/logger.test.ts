import { describe, expect, test } from 'vitest';
import { PgwatchError } from '../../src/errors.ts';
import { formatLogLine } from '../../src/log-line.ts';
import { createLogger, type Logger, type LoggerOptions } from '../../src/logger.ts';

/** What a logger writes. */
function logged(
  options: Omit<LoggerOptions, 'destination'>,
  log: (logger: Logger) => void,
): string {
  let text = '';
  const destination = {
    write: (line: string) => {
      text += line;
    },
  };
  log(createLogger({ ...options, destination }));
  return text;
}

const asJson = (log: (logger: Logger) => void): unknown =>
  JSON.parse(logged({ level: 'info', format: 'json' }, log));
const asText = (log: (logger: Logger) => void, level: LoggerOptions['level'] = 'info') =>
  logged({ level, format: 'pretty' }, log);

describe('the JSON format', () => {
  test('has level, ISO time, fields and message, and nothing else', () => {
    expect(
      asJson((logger) => logger.child({ consumer: 'a' }).info({ n: 1 }, 'consumer live')),
    ).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      consumer: 'a',
      n: 1,
      msg: 'consumer live',
    });
  });

  test('has of an error type, code, message, hint, cause, place and stack', () => {
    const cause = new PgwatchError('DATABASE_UNREACHABLE', { what: 'No.', hint: 'Do.' });
    const error = Object.assign(new TypeError('boom', { cause }), { code: 'E1' });
    expect(asJson((logger) => logger.error({ err: error }, 'handler failed'))).toMatchObject({
      err: {
        type: 'TypeError',
        code: 'E1',
        message: 'boom',
        at: expect.stringMatching(/^test\/unit\/logger\.test\.ts:\d+:\d+$/),
        stack: expect.stringContaining('TypeError: boom\n'),
        cause: { code: 'DATABASE_UNREACHABLE', message: 'No.', hint: 'Do.' },
      },
      msg: 'handler failed',
    });
  });

  test('has no stack of an error of pgwatch', () => {
    const error = new PgwatchError('USAGE', { what: 'No.' });
    expect(asJson((logger) => logger.error({ err: error }, 'm'))).toMatchObject({
      err: { code: 'USAGE', message: 'No.' },
    });
    expect(asJson((logger) => logger.error({ err: error }, 'm'))).not.toHaveProperty('err.stack');
  });

  test('ends a circle of causes', () => {
    const [a, b] = [new Error('a'), new Error('b')];
    a.cause = b;
    b.cause = a;
    const line = asJson((logger) => logger.error({ err: a }, 'm'));
    expect(line).toMatchObject({ err: { message: 'a', cause: { message: 'b' } } });
    expect(line).not.toHaveProperty('err.cause.cause');
  });

  test.each([['text'], [undefined], [null], [{ a: 1 }], [10n]])(
    'takes %s as an error',
    (thrown) => {
      expect(() => asJson((logger) => logger.error({ err: thrown }, 'm'))).not.toThrow();
    },
  );
});

describe('a password', () => {
  const url = 'postgres://u:s3"cr\\et@h/db';

  test.each([
    ['a message', (logger: Logger) => logger.info(`at ${url}`)],
    ['a field', (logger: Logger) => logger.info({ nested: { list: [url] } }, 'm')],
    ['a child', (logger: Logger) => logger.child({ url }).info('m')],
    ['an error', (logger: Logger) => logger.info({ err: new Error(url) }, 'm')],
    [
      'a cause',
      (logger: Logger) => logger.info({ err: new Error('x', { cause: new Error(url) }) }, 'm'),
    ],
    ['an error as the only argument', (logger: Logger) => logger.info(new Error(url))],
  ])('in %s is masked in both formats', (_, log) => {
    expect(JSON.stringify(asJson(log))).toContain('postgres://u:***@h/db');
    for (const text of [JSON.stringify(asJson(log)), asText(log, 'trace')]) {
      expect(text).not.toMatch(/s3|cr\\+et/);
    }
  });
});

describe('the pretty format', () => {
  const withoutTime = (text: string) => text.replace(/^\d\d:\d\d:\d\d\.\d{3} /, '');

  test('is one line: local time, level, message, fields', () => {
    const text = asText((logger) =>
      logger.info({ consumer: 'welcome_email', n: 3 }, 'consumer live'),
    );
    expect(text).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} INFO {2}consumer live {2}consumer=welcome_email n=3\n$/,
    );
  });

  test('shows the local time', () => {
    const time = new Date(2024, 0, 2, 3, 4, 5, 6).toISOString();
    const line = JSON.stringify({ level: 'warn', time, msg: 'm' });
    expect(formatLogLine(line, { colours: false, stacks: false })).toBe('03:04:05.006 WARN  m\n');
  });

  test.each([
    [{ a: 'x y' }, 'a="x y"'],
    [{ a: '' }, 'a=""'],
    [{ a: 'k=v' }, 'a="k=v"'],
    [{ a: 'say "x"' }, 'a="say \\"x\\""'],
    [{ a: null, b: true, c: [1, 'x'], d: { e: 1 } }, 'a=null b=true c=[1,"x"] d={"e":1}'],
    [{ a: 'Grüße' }, 'a=Grüße'],
  ])('shows the fields %j as %s', (fields, shown) => {
    expect(withoutTime(asText((logger) => logger.info(fields, 'm')))).toBe(`INFO  m  ${shown}\n`);
  });

  test('lets nothing that is logged start a line or steer the terminal', () => {
    const text = asText((logger) =>
      logger.info({ 'k\n': 'a\n\u001b[31m\u009b' }, 'm\nFAKE\u001b[0m'),
    );
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the subject
    expect(text.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    expect(text).toContain('m\\nFAKE\\x1b[0m');
  });

  test('shows an error in the line, and its stack at debug only', () => {
    const error = new TypeError('boom', { cause: new Error('inner') });
    const log = (logger: Logger) => logger.error({ err: error, attempt: 2 }, 'handler failed');
    expect(withoutTime(asText(log))).toMatch(
      /^ERROR handler failed {2}error="TypeError: boom" at=test\/unit\/logger\.test\.ts:\d+:\d+ cause=inner cause\.at=\S+ attempt=2\n$/,
    );
    expect(asText(log, 'debug')).toMatch(
      /attempt=2\n {4}TypeError: boom\n {8}at .*\n(.*\n)* {4}Error: inner\n/,
    );
  });

  test('has colours only when asked', () => {
    const line = JSON.stringify({ level: 'info', time: new Date(0).toISOString(), msg: 'm', a: 1 });
    expect(formatLogLine(line, { colours: true, stacks: false })).toContain('\u001b[32mINFO');
    expect(formatLogLine(line, { colours: false, stacks: false })).not.toContain('\u001b');
  });
});

test('what is below the level is not written', () => {
  const write = (level: LoggerOptions['level']) =>
    logged({ level, format: 'pretty' }, (logger) => {
      logger.debug('d');
      logger.warn('w');
      logger.fatal('f');
    }).split('\n').length - 1;
  expect([write('trace'), write('warn'), write('fatal'), write('silent')]).toEqual([3, 2, 1, 0]);
});
