import type { Consumer, HandlerContext } from '../consumer/consumer.ts';
import type { RetryPolicy } from '../consumer/retry-policy.ts';
import type { Notification } from '../log/notification.ts';
import { type Outcome, outcomeOfFailure } from './outcome.ts';

export interface Execution {
  readonly consumer: Consumer;
  readonly policy: RetryPolicy;
  /** Seconds a handler may take; undefined: as long as it likes. */
  readonly timeLimitSeconds: number | undefined;
  readonly context: HandlerContext;
}

/**
 * Makes one attempt: calls the handler, holds it to its time limit, and says what came of it.
 * Never throws. When the context's signal aborts (shutdown), a handler that throws was interrupted,
 * and one that does not return is left behind.
 */
export async function execute(
  { consumer, policy, timeLimitSeconds, context }: Execution,
  notification: Notification,
): Promise<Outcome> {
  try {
    if (timeLimitSeconds === undefined) {
      const returned = consumer.handle(notification, context);
      if (isPromiseLike(returned)) await untilAbandoned(returned, context.signal);
    } else {
      await withTimeLimit(consumer, notification, context, timeLimitSeconds);
    }
    return { kind: 'handled' };
  } catch (error) {
    if (context.signal.aborted) return { kind: 'interrupted' };
    return outcomeOfFailure(error, notification.attempt, policy, Date.now(), Math.random());
  }
}

/** After its abort, a handler has this long to come to an end by itself. */
const ABANDON_AFTER_MS = 1_000;

class HandlerTimeLimitError extends Error {
  override readonly name = 'HandlerTimeLimitError';
}

async function withTimeLimit(
  consumer: Consumer,
  notification: Notification,
  context: HandlerContext,
  seconds: number,
): Promise<void> {
  const limit = new AbortController();
  const stop = () => limit.abort(context.signal.reason);
  context.signal.addEventListener('abort', stop, { once: true });
  const timer = setTimeout(() => {
    limit.abort(new HandlerTimeLimitError(`the handler took longer than ${seconds} s`));
  }, seconds * 1000);
  try {
    if (context.signal.aborted) stop();
    const returned = consumer.handle(notification, { ...context, signal: limit.signal });
    if (isPromiseLike(returned)) await untilAbandoned(returned, limit.signal);
    // A handler that ignored its signal and returned late has handled it all the same.
  } finally {
    clearTimeout(timer);
    context.signal.removeEventListener('abort', stop);
  }
}

/** Waits for a handler; once the signal has aborted, a little longer, then no more. */
function untilAbandoned(handling: PromiseLike<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const onAbort = () => {
      timer = setTimeout(() => settle(() => reject(signal.reason)), ABANDON_AFTER_MS);
    };
    const settle = (how: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      how();
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    handling.then(
      () => settle(resolve),
      (error: unknown) => settle(() => reject(error)),
    );
  });
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  );
}
