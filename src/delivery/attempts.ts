import type { Progress } from '../cursor/progress.ts';
import { Notification } from '../log/notification.ts';
import { type Execution, execute, type Outcomes } from './execute.ts';
import { type Outcome, UNREADABLE } from './outcome.ts';
import type { Item } from './waiting-items.ts';

/** How a consumer's attempts are made. */
export interface Attempts {
  /** Whether the cursor may pass what is being attempted, once that is noted as a redelivery. */
  readonly mayBePassed: boolean;
  /**
   * Makes one attempt at what one call is given; outcomes in the order of the items. Throws, or
   * rejects, for faults that are none of the handler's only.
   */
  make(items: readonly Item[], progress: Progress): Outcomes;
}

/** Calls the handler, nothing else: what is handled is noted afterwards, with the cursor. */
export class PlainAttempts implements Attempts {
  readonly mayBePassed = true;
  readonly #execution: Execution;

  constructor(execution: Execution) {
    this.#execution = execution;
  }

  make(items: readonly Item[]): Outcomes {
    const notifications = items.map(notificationOf);
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
export function notificationOf({ row, attempts, isReplay }: Item): Notification | undefined {
  if (row.json === null) return undefined;
  return new Notification({
    notificationLogId: row.id,
    channel: row.channel,
    key: row.key,
    json: row.json,
    timestamp: row.writtenAt,
    isReplay,
    attempt: attempts + 1,
  });
}
