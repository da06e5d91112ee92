import { abandonable } from '../abandonable.ts';
import type { Consumer, HandlerContext } from '../consumer/consumer.ts';
import type { RetryPolicy } from '../consumer/retry-policy.ts';
import type { Notification } from '../log/notification.ts';
import type { CallWatch } from './call-watch.ts';
import { type Outcome, outcomeOfFailure } from './outcome.ts';

export interface Execution {
  readonly consumer: Consumer;
  readonly policy: RetryPolicy;
  /** Seconds one call may take; undefined: as long as it likes. */
  readonly timeLimitSeconds: number | undefined;
  readonly context: HandlerContext;
  /** Stands around each call. Undefined: nobody measures or traces. */
  readonly watch: CallWatch | undefined;
}

export type Outcomes = readonly Outcome[] | Promise<readonly Outcome[]>;

/**
 * Makes one attempt: calls the handler, holds it to its time limit, and says what came of each
 * notification, in their order. Never throws. When the context's signal aborts (shutdown), a handler
 * that throws was interrupted, and one that does not return is left behind.
 *
 * Not async: a handler that returns at once costs no promise.
 *
 * @param notifications one, unless the consumer has handleBatch
 */
export function execute(execution: Execution, notifications: readonly Notification[]): Outcomes {
  const { context } = execution;
  const whenThrown = (error: unknown) => outcomesOfThrow(execution, notifications, error);
  const whenReturned = (returned: unknown) => outcomesOfReturn(execution, notifications, returned);
  try {
    const returned = watched(execution, notifications, () =>
      execution.timeLimitSeconds === undefined
        ? unlessAbandoned(callHandler(execution, notifications, context), context.signal)
        : withTimeLimit(execution, notifications, execution.timeLimitSeconds),
    );
    return returned instanceof Promise
      ? returned.then(whenReturned).catch(whenThrown)
      : whenReturned(returned);
  } catch (error) {
    return whenThrown(error);
  }
}

/**
 * The same for one notification of a consumer without handleBatch and without a time limit.
 * @returns undefined when it is handled already: a handler that returns at once costs its call
 */
export function executeAtOnce(
  execution: Execution,
  notification: Notification,
): Outcomes | undefined {
  const { watch } = execution;
  const whenThrown = (error: unknown) => outcomesOfThrow(execution, [notification], error);
  try {
    const returned =
      watch === undefined
        ? handle(execution, notification)
        : watched(execution, [notification], () => handle(execution, notification));
    if (!(returned instanceof Promise)) return undefined;
    return returned.then((): readonly Outcome[] => [HANDLED]).catch(whenThrown);
  } catch (error) {
    return whenThrown(error);
  }
}

function handle({ consumer, context }: Execution, notification: Notification): unknown {
  return unlessAbandoned(consumer.handle(notification, context), context.signal);
}

function watched(
  { consumer, watch }: Execution,
  notifications: readonly Notification[],
  make: () => unknown,
): unknown {
  if (watch === undefined) return make();
  const isBatch = consumer.handleBatch !== undefined;
  return watch({ consumer: consumer.id, notifications, isBatch }, make);
}

function callHandler(
  { consumer }: Execution,
  notifications: readonly Notification[],
  context: HandlerContext,
): unknown {
  if (consumer.handleBatch !== undefined) return consumer.handleBatch(notifications, context);
  const [notification] = notifications;
  return notification === undefined ? undefined : consumer.handle(notification, context);
}

function outcomesOfThrow(
  { policy, context }: Execution,
  notifications: readonly Notification[],
  error: unknown,
): readonly Outcome[] {
  return notifications.map(({ attempt }) =>
    context.signal.aborted
      ? { kind: 'interrupted' }
      : outcomeOfFailure(error, attempt, policy, Date.now(), Math.random()),
  );
}

const HANDLED: Outcome = { kind: 'handled' };

/** What a batch handler returned says of each; what others return says nothing. */
function outcomesOfReturn(
  execution: Execution,
  notifications: readonly Notification[],
  returned: unknown,
): readonly Outcome[] {
  if (execution.consumer.handleBatch === undefined || returned === undefined) {
    return notifications.map(() => HANDLED);
  }
  if (!isSettledResults(returned) || returned.length !== notifications.length) {
    throw new TypeError(
      `handleBatch was given ${notifications.length} notifications; expected it to return nothing, or as many results as Promise.allSettled() gives for them`,
    );
  }
  return notifications.map(({ attempt }, index) => {
    const result = returned[index];
    if (result?.status !== 'rejected') return HANDLED;
    const { policy } = execution;
    return outcomeOfFailure(result.reason, attempt, policy, Date.now(), Math.random());
  });
}

function isSettledResults(returned: unknown): returned is readonly PromiseSettledResult<unknown>[] {
  return (
    Array.isArray(returned) &&
    returned.every(
      (result) =>
        typeof result === 'object' &&
        result !== null &&
        (result.status === 'fulfilled' || result.status === 'rejected'),
    )
  );
}

/** After its abort, a handler has this long to come to an end by itself. */
const ABANDON_AFTER_MS = 1_000;

class HandlerTimeLimitError extends Error {
  override readonly name = 'HandlerTimeLimitError';
}

async function withTimeLimit(
  execution: Execution,
  notifications: readonly Notification[],
  seconds: number,
): Promise<unknown> {
  const { context } = execution;
  const limit = new AbortController();
  const stop = () => limit.abort(context.signal.reason);
  context.signal.addEventListener('abort', stop, { once: true });
  const timer = setTimeout(() => {
    limit.abort(new HandlerTimeLimitError(`the handler took longer than ${seconds} s`));
  }, seconds * 1000);
  try {
    if (context.signal.aborted) stop();
    const limited = { ...context, signal: limit.signal };
    // A handler that ignored its signal and returned late has handled it all the same.
    return await unlessAbandoned(callHandler(execution, notifications, limited), limit.signal);
  } finally {
    clearTimeout(timer);
    context.signal.removeEventListener('abort', stop);
  }
}

/** What it returned; a promise is left behind some time after the abort. */
function unlessAbandoned(returned: unknown, signal: AbortSignal): unknown {
  return isPromiseLike(returned) ? abandonable(returned, signal, ABANDON_AFTER_MS) : returned;
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  );
}
