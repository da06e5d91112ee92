import type { DeliveryEvent } from '../delivery/events.ts';
import type { ReadinessReport } from '../metrics/metrics-server.ts';
import type { ConsumerOwners } from '../observe/consumer-owners.ts';
import type { ListenerEvent } from '../wake/listener.ts';

/** Undefined: the database gives no answer. */
type ReadOwners = () => Promise<readonly ConsumerOwners[] | undefined>;

/**
 * Tells once when this process can do its work: something wakes it, and each consumer has its place,
 * which it runs here or waits for. To have a place takes a write, so a database that takes none (its
 * disk full, read-only) makes nobody ready, though LISTEN works.
 *
 * Asked, it also says whether that still is so.
 */
export class Readiness {
  readonly #consumers: readonly string[];
  readonly #unplaced: Set<string>;
  /** Nobody is to run these. */
  readonly #forgotten = new Set<string>();
  readonly #onReady: () => void;
  #wakes = false;
  #told = false;

  constructor(consumers: readonly string[], onReady: () => void) {
    this.#consumers = consumers;
    this.#unplaced = new Set(consumers);
    this.#onReady = onReady;
  }

  noteDelivery(event: DeliveryEvent): void {
    switch (event.type) {
      case 'claimed':
      case 'waiting-for-lease':
      case 'sharing':
      case 'waiting-for-split':
      case 'split-closing':
      case 'paused':
        this.#unplaced.delete(event.consumer);
        this.#tell();
        return;
      case 'forgotten':
        this.#unplaced.delete(event.consumer);
        this.#forgotten.add(event.consumer);
        this.#tell();
        return;
      default:
    }
  }

  noteListener(event: ListenerEvent): void {
    switch (event.type) {
      case 'listening':
      case 'polling':
        this.#wakes = true;
        this.#tell();
        return;
      case 'listen-lost':
      case 'poll-lost':
        this.#wakes = false;
        return;
      default:
    }
  }

  /**
   * Ready is who has heard its own NOTIFY in its present session (or looks by polling) and whose consumers
   * are each owned, here or elsewhere, or paused, as the database says. Never rejects.
   */
  async report(readOwners: ReadOwners): Promise<ReadinessReport> {
    const reasons = [
      ...(this.#wakes
        ? []
        : ['nothing wakes this process: it has no LISTEN session that has heard its own NOTIFY']),
      ...[...this.#unplaced].map((id) => `consumer ${id}: has no place yet`),
    ];
    const known = await readOwners();
    if (known === undefined) reasons.push('the database gives no answer');
    else reasons.push(...this.#consumers.flatMap((id) => this.#whyUnowned(id, known)));
    return { ready: reasons.length === 0, reasons };
  }

  #whyUnowned(id: string, known: readonly ConsumerOwners[]): readonly string[] {
    const found = known.find(({ consumer }) => consumer === id);
    if (this.#unplaced.has(id) || this.#forgotten.has(id)) return [];
    if (found?.isPaused === true) return [];
    const { partitions = 0, unowned = 0 } = found ?? {};
    if (partitions > 0 && unowned === 0) return [];
    const which = partitions > 1 ? `${unowned} of its ${partitions} partitions` : 'it';
    return [`consumer ${id}: nobody runs ${which}`];
  }

  #tell(): void {
    if (this.#told || !this.#wakes || this.#unplaced.size > 0) return;
    this.#told = true;
    this.#onReady();
  }
}
