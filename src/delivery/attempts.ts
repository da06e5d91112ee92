import type { Progress } from '../cursor/progress.ts';
import type { LogRow } from '../log/log-row.ts';
import { Notification } from '../log/notification.ts';
import { type Execution, execute, executeAtOnce, type Outcomes } from './execute.ts';
import { type Outcome, UNREADABLE } from './outcome.ts';
import type { Item } from './waiting-items.ts';

/** Undefined: it is handled, and there is nothing to wait for. */
export type AttemptAtOnce = (row: LogRow, isReplay: boolean) => Outcomes | undefined;

/** How a consumer's attempts are made. */
export interface Attempts {
  /** Whether the cursor may pass what is being attempted, once that is noted as a redelivery. */
  readonly mayBePassed: boolean;
  /**
   * Makes one attempt at what one call is given; outcomes in the order of the items. Throws, or
   * rejects, for faults that are none of the handler's only.
   */
  make(items: readonly Item[], progress: Progress): Outcomes;
  /**
   * The same for a new notification, where it may turn out to be handled at once: then undefined.
   * Undefined itself where an attempt takes more than the call of a handler. Never throws.
   */
  readonly makeAtOnce: AttemptAtOnce | undefined;
}

/** Calls the handler, nothing else: what is handled is noted afterwards, with the cursor. */
export class PlainAttempts implements Attempts {
  readonly mayBePassed = true;
  readonly makeAtOnce: AttemptAtOnce | undefined;
  readonly #execution: Execution;

  constructor(execution: Execution) {
    this.#execution = execution;
    const { consumer, timeLimitSeconds } = execution;
    this.makeAtOnce =
      consumer.handleBatch === undefined && timeLimitSeconds === undefined
        ? (row, isReplay) => {
            const notification = notificationOf(row, 0, isReplay);
            if (notification === undefined) return [UNREADABLE];
            return executeAtOnce(execution, notification);
          }
        : undefined;
  }

  make(items: readonly Item[]): Outcomes {
    const notifications = items.map(({ row, attempts, isReplay }) =>
      notificationOf(row, attempts, isReplay),
    );
    const readable = notifications.filter((one) => one !== undefined);
    if (readable.length === 0) return items.map(() => UNREADABLE);
    const outcomes = execute(this.#execution, readable);
    if (readable.length === items.length) return outcomes;
    // Beside a few that no program can hold.
    const merge = (made: readonly Outcome[]) => {
      const rest = made[Symbol.iterator]();
      return notifications.map((one) =>
        one === undefined ? UNREADABLE : (rest.next().value ?? UNREADABLE),
      );
    };
    return outcomes instanceof Promise ? outcomes.then(merge) : merge(outcomes);
  }
}

/** Undefined: nothing can hold its payload. */
export function notificationOf(
  row: LogRow,
  attempts: number,
  isReplay: boolean,
): Notification | undefined {
  if (row.json === null) return undefined;
  return new Notification({
    notificationLogId: row.id,
    channel: row.channel,
    key: row.key,
    json: row.json,
    timestamp: row.writtenAt,
    isReplay,
    attempt: attempts + 1,
    traceparent: row.traceparent,
  });
}
