import type { HandlerCall } from '../delivery/call-watch.ts';
import type { DeliveryEvent } from '../delivery/events.ts';
import { Distribution } from './distribution.ts';

const SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
];
const ROWS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 10_000];

/** What this process has done for one consumer since it started. */
export class ConsumerCounts {
  handled = 0;
  retried = 0;
  dead = 0;
  readonly leases = { taken: 0, 'handed over': 0, lost: 0 };
  databaseOutages = 0;
  readonly callSeconds = new Distribution(SECONDS);
  readonly delaySeconds = new Distribution(SECONDS);
  readonly callRows = new Distribution(ROWS);
  readonly readRows = new Distribution(ROWS);
  /** Which parts of the consumer have lost the database. */
  readonly #affected = new Set<string>();

  note(event: DeliveryEvent): void {
    switch (event.type) {
      case 'handled':
        this.handled += event.rows.length;
        return;
      case 'read':
        this.readRows.note(event.count);
        return;
      case 'retrying':
        this.retried += 1;
        return;
      case 'dead-lettered':
        this.dead += 1;
        return;
      case 'claimed':
        this.leases.taken += 1;
        this.#forgetPartition(event.partition);
        return;
      case 'released':
        this.leases['handed over'] += 1;
        this.#forgetPartition(event.partition);
        return;
      case 'fenced':
        this.leases.lost += 1;
        this.#forgetPartition(event.partition);
        return;
      case 'database-lost':
        if (this.#affected.size === 0) this.databaseOutages += 1;
        this.#affected.add(partOf(event));
        return;
      case 'database-back':
        this.#affected.delete(partOf(event));
        return;
      default:
    }
  }

  /** Whoever began or ended running it has reached the database; what was lost before is over. */
  #forgetPartition(partition: number | undefined): void {
    this.#affected.delete(partOf({ partition }));
    this.#affected.delete(partOf({ partition, operation: 'store-cursor' }));
  }

  /** Makes the call, and measures it. */
  measure({ notifications, isBatch }: HandlerCall, make: () => unknown): unknown {
    if (isBatch) this.callRows.note(notifications.length);
    this.#noteDelays(notifications);
    const begun = performance.now();
    let returned: unknown;
    try {
      returned = make();
    } catch (error) {
      this.#noteCall(begun);
      throw error;
    }
    if (returned instanceof Promise) {
      const end = () => this.#noteCall(begun);
      returned.then(end, end);
    } else {
      this.#noteCall(begun);
    }
    return returned;
  }

  #noteCall(begun: number): void {
    this.callSeconds.note((performance.now() - begun) / 1000);
  }

  /** Not of replays and repeats: those may come as late as they like. */
  #noteDelays(notifications: HandlerCall['notifications']): void {
    let now: number | undefined;
    for (const { isReplay, attempt, timestamp } of notifications) {
      // Never before it was written, whatever the two clocks say.
      if (isReplay || attempt > 1) continue;
      now ??= Date.now();
      this.delaySeconds.note(Math.max(now - timestamp.getTime(), 0) / 1000);
    }
  }
}

/** Each partition waits for the database by itself, and so does what stores its cursor. */
function partOf({ partition, operation }: Part): string {
  return `${partition ?? 'whole'} ${operation ?? 'everything'}`;
}

interface Part {
  readonly partition?: number | undefined;
  readonly operation?: 'store-cursor' | undefined;
}
