import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PermanentError, RetryableError } from '../../src/consumer/errors.ts';
import type { RetryPolicy } from '../../src/consumer/retry-policy.ts';
import { outcomeOfFailure } from '../../src/delivery/outcome.ts';

const POLICY: RetryPolicy = {
  maxAttempts: 3,
  minDelaySeconds: 10,
  maxDelaySeconds: 100,
  factor: 2,
  jitter: 0.5,
};
const NOW = Date.UTC(2030, 0, 1);
const CENTURY_SECONDS = 3_155_760_000;

const outcome = (error: unknown, attempts = 1) =>
  outcomeOfFailure(error, attempts, POLICY, NOW, 0.5);

/** The text that is kept of what was thrown. */
function textOf(error: unknown): string {
  const result = outcome(error);
  if (result.kind !== 'retry') throw new Error(`it was not retried: ${result.kind}`);
  return result.error;
}

describe('an error of the handler', () => {
  it('is retried with the delay of the policy', () => {
    const thrown = new TypeError('no');
    expect(outcome(thrown)).toEqual({
      kind: 'retry',
      delaySeconds: 10,
      error: 'TypeError: no',
      thrown,
    });
    expect(outcome(new Error('no'), 2)).toMatchObject({ kind: 'retry', delaySeconds: 20 });
  });

  it('is the last one when there are no attempts left', () => {
    expect(outcome(new Error('no'), 3)).toMatchObject({ kind: 'dead', error: 'Error: no' });
    expect(outcome(new Error('no'), 4)).toMatchObject({ kind: 'dead', error: 'Error: no' });
  });
});

describe('a PermanentError', () => {
  it('is the last one, at the first attempt', () => {
    expect(outcome(new PermanentError('gone'))).toMatchObject({
      kind: 'dead',
      error: 'PermanentError: gone',
    });
  });

  it('is recognised when it comes from another copy of the package, or is extended', () => {
    class Gone extends PermanentError {}
    const foreign: unknown = runInNewContext(
      "Object.assign(new Error('gone'), { [Symbol.for('pgwatch.error')]: 'permanent' })",
    );
    expect(outcome(new Gone('gone')).kind).toBe('dead');
    expect(outcome(foreign).kind).toBe('dead');
  });
});

describe('a RetryableError', () => {
  it.each([
    ['a number of seconds', 1234.5, 1234.5],
    ['no wait', 0, 0],
    ['a time', new Date(NOW + 90_000), 90],
    ['a time that has passed', new Date(NOW - 90_000), 0],
    ['more than PostgreSQL can hold', Number.MAX_VALUE, CENTURY_SECONDS],
    ['the last of all times', new Date(8.64e15), CENTURY_SECONDS],
  ])('may ask for %s', (_, retryAfter, delaySeconds) => {
    expect(outcome(new RetryableError('busy', { retryAfter }))).toMatchObject({
      kind: 'retry',
      delaySeconds,
      error: 'RetryableError: busy',
    });
  });

  it('may leave the time to the policy', () => {
    expect(outcome(new RetryableError('busy'), 2)).toMatchObject({ delaySeconds: 20 });
  });

  it('counts as an attempt like any other', () => {
    expect(outcome(new RetryableError('busy', { retryAfter: 1 }), 3).kind).toBe('dead');
  });
});

describe('what is kept of an error', () => {
  it('has its causes, and not too many', () => {
    const because = new Error('a', { cause: new TypeError('b', { cause: 'c' }) });
    expect(textOf(because)).toBe('Error: a; caused by TypeError: b; caused by c');

    const circular = new Error('round');
    circular.cause = circular;
    expect(textOf(circular).match(/round/g)).toHaveLength(5);
  });

  it('is a text that PostgreSQL takes: no NUL, no half of a character', () => {
    expect(textOf(new Error('a\0b'))).toBe('Error: ab');
    expect(textOf(new Error('a\ud83db'))).toBe('Error: a\ufffdb');
  });

  it('is not too long, and not cut inside a character', () => {
    const text = textOf(new Error('🙂'.repeat(5_000)));
    expect(text).toHaveLength(4_000);
    expect(text.isWellFormed()).toBe(true);
  });
});

describe('anything else that is thrown', () => {
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  const withoutText = Object.assign(Object.create(null), { big: 1n });
  const { proxy: revoked, revoke } = Proxy.revocable({}, {});
  revoke();
  const throwingMessage = Object.defineProperty(new Error(), 'message', {
    get() {
      throw new Error('not to be read');
    },
  });
  const unreadable = 'what was thrown cannot be read';

  it.each([
    ['a string', 'no', 'no'],
    ['an empty string', '', ''],
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a number', 42, '42'],
    ['a bigint', 42n, '42'],
    ['a symbol', Symbol('no'), 'Symbol(no)'],
    ['a function', () => 1, '() => 1'],
    ['an object', { code: 'E1' }, '{"code":"E1"}'],
    ['a list', [1, 'two'], '[1,"two"]'],
    ['an object that contains itself', circular, '[object Object]'],
    ['an object that has no text', withoutText, unreadable],
    ['a revoked proxy', revoked, unreadable],
    ['an error whose message throws', throwingMessage, unreadable],
    ['an error without a message', new Error(), 'Error: '],
    [
      'an error with null as its cause',
      new Error('a', { cause: null }),
      'Error: a; caused by null',
    ],
  ])('is retried: %s', (_, thrown, error) => {
    expect(outcome(thrown)).toMatchObject({ kind: 'retry', delaySeconds: 10, error });
    expect(outcome(thrown, 3)).toMatchObject({ kind: 'dead', error });
  });

  it('is retried, whatever it is', () => {
    const things = fc.anything({
      withBigInt: true,
      withBoxedValues: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withSet: true,
      withSparseArray: true,
      withTypedArray: true,
    });
    fc.assert(
      fc.property(things, (thrown) => {
        expect(outcome(thrown)).toMatchObject({ kind: 'retry', delaySeconds: 10 });
        expect(textOf(thrown).isWellFormed()).toBe(true);
      }),
    );
  });
});
