import type { Database } from '../db/database.ts';
import { PendingWake } from '../wake/pending-wake.ts';
import { STEERING_CHANNEL } from '../wake/steering-channel.ts';
import type { WakeRouter } from '../wake/wake-router.ts';

/**
 * How long a consumer may run on unaware if the ring is lost, and where none is heard: with `once`, and
 * with `wake: 'poll'`.
 */
const LOOK_EVERY_MS = 5_000;

interface Watched {
  /** As its runner has last read it. */
  known: number | undefined;
  readonly nudge: () => void;
}

export interface SteeringWatchOptions {
  readonly db: Pick<Database, 'kysely'>;
  readonly router: WakeRouter;
  readonly onError: (error: unknown) => void;
}

/**
 * Tells the consumers of this process when somebody steers them from outside (see src/admin/steering.ts).
 * One look for all of them, when rung and every 5 s; the ring is a hint, the number in the table
 * decides.
 */
export class SteeringWatch {
  readonly #options: SteeringWatchOptions;
  readonly #watched = new Map<number, Watched>();
  readonly #rung = new PendingWake();

  constructor(options: SteeringWatchOptions) {
    this.#options = options;
  }

  /** Looks until the signal aborts. A look that fails is made up for by the next one. */
  async run(signal: AbortSignal): Promise<void> {
    const { router, onError } = this.#options;
    router.add(this.#rung, [STEERING_CHANNEL]);
    try {
      while ((await this.#rung.wait(LOOK_EVERY_MS, signal)) !== 'aborted') {
        await this.#look().catch(onError);
      }
    } finally {
      router.remove(this.#rung);
    }
  }

  /** @param nudge called when the consumer is to read again how it is steered */
  watch(consumerId: number, nudge: () => void): void {
    this.#watched.set(consumerId, { known: undefined, nudge });
  }

  /** What was read: as long as the table says the same, nothing has happened. */
  note(consumerId: number, steered: number): void {
    const watched = this.#watched.get(consumerId);
    if (watched !== undefined) watched.known = steered;
  }

  unwatch(consumerId: number): void {
    this.#watched.delete(consumerId);
  }

  async #look(): Promise<void> {
    if (this.#watched.size === 0) return;
    const rows = await this.#options.db.kysely
      .selectFrom('consumer')
      .select(['id', 'steered'])
      .execute();
    const found = new Map(rows.map(({ id, steered }) => [id, steered]));
    for (const [id, { known, nudge }] of this.#watched) {
      if (known !== undefined && found.get(id) !== known) nudge();
    }
  }
}
