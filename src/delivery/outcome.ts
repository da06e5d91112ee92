import { isPermanentError, isRetryableError } from '../consumer/errors.ts';
import type { RetryPolicy } from '../consumer/retry-policy.ts';
import { retryDelaySeconds } from './retry-delay.ts';

/** What became of one attempt to handle a notification. */
export type Outcome =
  | { readonly kind: 'handled' }
  | { readonly kind: 'retry'; readonly delaySeconds: number; readonly error: string }
  | { readonly kind: 'dead'; readonly error: string }
  /** Stopped by a shutdown: not an attempt, it will be handled again. */
  | { readonly kind: 'interrupted' };

/**
 * Decides what a failed attempt comes to. Pure.
 * @param attempts made so far, this one included
 * @param now milliseconds since 1970
 * @param random in [0, 1)
 */
export function outcomeOfFailure(
  error: unknown,
  attempts: number,
  policy: RetryPolicy,
  now: number,
  random: number,
): Outcome {
  const text = describe(error);
  if (isPermanentError(error)) return { kind: 'dead', error: text };
  if (attempts >= policy.maxAttempts) return { kind: 'dead', error: text };
  return {
    kind: 'retry',
    delaySeconds: delayOf(error, attempts, policy, now, random),
    error: text,
  };
}

function delayOf(
  error: unknown,
  attempts: number,
  policy: RetryPolicy,
  now: number,
  random: number,
): number {
  const wanted = isRetryableError(error) ? error.retryAfter : undefined;
  if (wanted === undefined) return retryDelaySeconds(policy, attempts, random);
  return wanted instanceof Date ? Math.max(0, (wanted.getTime() - now) / 1000) : wanted;
}

const LONGEST_ERROR = 4_000;
const MOST_CAUSES = 5;

/** An error as it is kept in the database: name, message and causes. PostgreSQL takes no NUL. */
function describe(error: unknown): string {
  const parts: string[] = [];
  let cause = error;
  do {
    parts.push(cause instanceof Error ? `${cause.name}: ${cause.message}` : asText(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  } while (cause !== undefined && parts.length < MOST_CAUSES);
  return parts.join('; caused by ').replaceAll('\0', '').toWellFormed().slice(0, LONGEST_ERROR);
}

function asText(value: unknown): string {
  try {
    return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  } catch {
    return String(value);
  }
}
