import { describe, expect, test, vi } from 'vitest';
import {
  isPermanentError,
  isRetryableError,
  PermanentError,
  RetryableError,
} from '../../src/index.ts';

const cause = new Error('cause');

test('a retryable error may have a message, a time to wait and a cause', () => {
  expect(new RetryableError('down', { retryAfter: 30, cause })).toMatchObject({
    name: 'RetryableError',
    message: 'down',
    retryAfter: 30,
    cause,
  });
  expect(new RetryableError('down').retryAfter).toBeUndefined();
  expect(new RetryableError('down')).not.toHaveProperty('cause');
});

test('a retryable error needs no message', () => {
  const due = new Date('2030-01-31T00:00:00.000Z');
  expect(new RetryableError({ retryAfter: due, cause })).toMatchObject({ retryAfter: due, cause });
  expect(new RetryableError({ retryAfter: 0 }).message).not.toBe('');
  expect(new RetryableError().message).not.toBe('');
});

test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, new Date('never')])(
  'nobody can try again after %s',
  (retryAfter) => {
    expect(() => new RetryableError({ retryAfter })).toThrow(RangeError);
  },
);

test('a permanent error may have a message and a cause', () => {
  expect(new PermanentError('nonsense', { cause })).toMatchObject({
    name: 'PermanentError',
    message: 'nonsense',
    cause,
  });
  expect(new PermanentError()).not.toHaveProperty('cause');
});

describe('they are told apart', () => {
  class Overloaded extends RetryableError {}

  test.each<[unknown, boolean, boolean]>([
    [new RetryableError(), true, false],
    [new Overloaded(), true, false],
    [new PermanentError(), false, true],
    [new Error('other'), false, false],
    [Object.assign(new Error('other'), { name: 'RetryableError' }), false, false],
    [undefined, false, false],
    [null, false, false],
    ['RetryableError', false, false],
  ])('%s', (error, retryable, permanent) => {
    expect(isRetryableError(error)).toBe(retryable);
    expect(isPermanentError(error)).toBe(permanent);
  });

  test('even when they come from another copy of this package', async () => {
    vi.resetModules();
    const other = await import('../../src/consumer/errors.ts');
    expect(new other.RetryableError()).not.toBeInstanceOf(RetryableError);
    expect(isRetryableError(new other.RetryableError())).toBe(true);
    expect(isPermanentError(new other.PermanentError())).toBe(true);
  });
});
