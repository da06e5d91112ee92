import { networkOf } from './visitor-address.ts';

/** How many wrong credentials may come from one network in a while. */
const FAILURES = 10;
const WITHIN_MS = 60_000;
const NETWORKS_AT_MOST = 10_000;

/** Slows down whoever guesses: after ten failures all of a network wait for up to a minute. */
export class FailureLimit {
  /** Those of which it has been longest since the first failure come first. */
  readonly #failures = new Map<string, { count: number; until: number }>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  isReached(address: string): boolean {
    const found = this.#failures.get(networkOf(address));
    return found !== undefined && found.until > this.#now() && found.count >= FAILURES;
  }

  note(address: string): void {
    const network = networkOf(address);
    const found = this.#failures.get(network);
    if (found !== undefined && found.until > this.#now()) {
      found.count += 1;
      return;
    }
    this.#failures.delete(network);
    const [oldest] = this.#failures.keys();
    if (oldest !== undefined && this.#failures.size >= NETWORKS_AT_MOST) {
      this.#failures.delete(oldest);
    }
    this.#failures.set(network, { count: 1, until: this.#now() + WITHIN_MS });
  }
}
