/**
 * The two errors with which a handler chooses what becomes of its notification. Any other error
 * means: try again, with the delays of the retry policy.
 */

/** Recognised by brand, since a handler may have imported another copy of this package. */
const ERROR_BRAND: unique symbol = Symbol.for('pgwatch.error');

export interface RetryableErrorOptions {
  /** When to try again: seconds from now, or a time. Default: what the retry policy says. */
  readonly retryAfter?: number | Date | undefined;
  readonly cause?: unknown;
}

/**
 * Try this notification again, after `retryAfter` if given. It counts as an attempt, so after the
 * policy's `maxAttempts` the notification is dead-lettered all the same.
 *
 * `new RetryableError('the API is down', { retryAfter: 30 })`, or without a message
 * `new RetryableError({ retryAfter: 30 })`.
 */
export class RetryableError extends Error {
  override readonly name = 'RetryableError';
  readonly [ERROR_BRAND] = 'retryable';
  /** Seconds from when it is thrown, or a time; undefined leaves it to the retry policy. */
  readonly retryAfter: number | Date | undefined;

  /** @throws {RangeError} when `retryAfter` is negative, not finite, or not a valid date */
  constructor(message?: string | RetryableErrorOptions, options?: RetryableErrorOptions) {
    const { retryAfter, cause } = (typeof message === 'object' ? message : options) ?? {};
    super(
      typeof message === 'string' ? message : 'to be tried again',
      cause === undefined ? undefined : { cause },
    );
    if (retryAfter !== undefined) assertRetryAfter(retryAfter);
    this.retryAfter = retryAfter;
  }
}

/** Trying again cannot help: this notification is dead-lettered at once. */
export class PermanentError extends Error {
  override readonly name = 'PermanentError';
  readonly [ERROR_BRAND] = 'permanent';

  constructor(message?: string, options?: { readonly cause?: unknown }) {
    super(message, options);
  }
}

export function isRetryableError(error: unknown): error is RetryableError {
  return brandOf(error) === 'retryable';
}

export function isPermanentError(error: unknown): error is PermanentError {
  return brandOf(error) === 'permanent';
}

function brandOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null ? Reflect.get(error, ERROR_BRAND) : undefined;
}

function assertRetryAfter(value: unknown): void {
  const usable =
    typeof value === 'number'
      ? Number.isFinite(value) && value >= 0
      : value instanceof Date && !Number.isNaN(value.getTime());
  if (!usable) {
    throw new RangeError(
      `retryAfter must be a Date or a number of seconds of 0 or more, got: ${String(value)}`,
    );
  }
}
