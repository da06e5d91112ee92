import type { DeliveryEvent } from '../delivery/events.ts';
import type { ListenerEvent } from '../wake/listener.ts';

/**
 * Tells once when this process can do its work: something wakes it, and each consumer has its place,
 * which it runs here or waits for. To have a place takes a write, so a database that takes none (its
 * disk full, read-only) makes nobody ready, though LISTEN works.
 */
export class Readiness {
  readonly #unplaced: Set<string>;
  readonly #onReady: () => void;
  #wakes = false;
  #told = false;

  constructor(consumers: readonly string[], onReady: () => void) {
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
      default:
    }
  }

  noteListener(event: ListenerEvent): void {
    if (event.type !== 'listening' && event.type !== 'polling') return;
    this.#wakes = true;
    this.#tell();
  }

  #tell(): void {
    if (this.#told || !this.#wakes || this.#unplaced.size > 0) return;
    this.#told = true;
    this.#onReady();
  }
}
