import { constants } from 'node:buffer';
import { isPermanentError, isRetryableError } from '../consumer/errors.ts';
import type { RetryPolicy } from '../consumer/retry-policy.ts';
import { redactStart } from '../redact.ts';
import { retryDelaySeconds } from './retry-delay.ts';

/** What became of one attempt to handle a notification. */
export type Outcome =
  /** `recorded`: that it was handled is stored already. */
  | { readonly kind: 'handled'; readonly recorded?: true }
  | ({ readonly kind: 'retry'; readonly delaySeconds: number } & Failure)
  | ({ readonly kind: 'dead' } & Failure)
  /** Stopped by a shutdown: not an attempt, it will be handled again. */
  | { readonly kind: 'interrupted' };

export interface Failure {
  /** What is kept of it in the database. */
  readonly error: string;
  /** What the handler threw, with its stack, for the log. */
  readonly thrown: unknown;
}

/** What becomes of a notification whose payload cannot be given to any handler. */
export const UNREADABLE = {
  kind: 'dead',
  error: `the text of its payload is too large: more than ${constants.MAX_STRING_LENGTH} bytes`,
  thrown: undefined,
} as const satisfies Outcome;

/**
 * Decides what a failed attempt comes to. Pure. Never throws, whatever the handler threw.
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
  try {
    const failure: Failure = { error: describe(error), thrown: error };
    if (isPermanentError(error)) return { kind: 'dead', ...failure };
    const delaySeconds = delayOf(error, attempts, policy, now, random);
    return afterAttempts(attempts, policy, delaySeconds, failure);
  } catch {
    // A proxy or a getter that throws when it is looked at.
    const delaySeconds = retryDelaySeconds(policy, attempts, random);
    return afterAttempts(attempts, policy, delaySeconds, {
      error: 'what was thrown cannot be read',
      thrown: undefined,
    });
  }
}

function afterAttempts(
  attempts: number,
  { maxAttempts }: RetryPolicy,
  delaySeconds: number,
  failure: Failure,
): Outcome {
  return attempts < maxAttempts
    ? { kind: 'retry', delaySeconds, ...failure }
    : { kind: 'dead', ...failure };
}

/** A century: an interval of PostgreSQL cannot hold every number of seconds. */
const LONGEST_DELAY_SECONDS = 100 * 365.25 * 86_400;

function delayOf(
  error: unknown,
  attempts: number,
  policy: RetryPolicy,
  now: number,
  random: number,
): number {
  const wanted = isRetryableError(error) ? error.retryAfter : undefined;
  if (wanted === undefined) return retryDelaySeconds(policy, attempts, random);
  const seconds = wanted instanceof Date ? (wanted.getTime() - now) / 1000 : wanted;
  return seconds > 0 ? Math.min(seconds, LONGEST_DELAY_SECONDS) : 0;
}

const LONGEST_ERROR = 4_000;
const MOST_CAUSES = 5;

/** An error as it is kept in the database: name, message and causes, without passwords. PostgreSQL
 * takes no NUL. */
function describe(error: unknown): string {
  const parts: string[] = [];
  let cause = error;
  do {
    // Cut before it is joined with anything: a longer text would be copied as a whole.
    const text = cause instanceof Error ? cause.message : asText(cause);
    const start = text.slice(0, 2 * LONGEST_ERROR);
    parts.push(cause instanceof Error ? `${cause.name}: ${start}` : start);
    cause = cause instanceof Error ? cause.cause : undefined;
  } while (cause !== undefined && parts.length < MOST_CAUSES);
  return redactStart(parts.join('; caused by '), LONGEST_ERROR).replaceAll('\0', '').toWellFormed();
}

function asText(value: unknown): string {
  try {
    return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  } catch {
    return String(value);
  }
}
