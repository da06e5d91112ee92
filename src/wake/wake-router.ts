import type { PendingWake } from './pending-wake.ts';

/** Which channels may have something new. `all`: nobody knows, so everybody looks. */
export type Ring = readonly string[] | 'all';

/** Passes rings on to those who wait for a channel. Carries no data: whoever is woken fetches. */
export class WakeRouter {
  readonly #waiting = new Map<PendingWake, ReadonlySet<string>>();

  add(wake: PendingWake, channels: readonly string[]): void {
    this.#waiting.set(wake, new Set(channels));
  }

  remove(wake: PendingWake): void {
    this.#waiting.delete(wake);
  }

  ring(ring: Ring): void {
    for (const [wake, channels] of this.#waiting) {
      if (ring === 'all' || ring.some((channel) => channels.has(channel))) wake.wake();
    }
  }
}
