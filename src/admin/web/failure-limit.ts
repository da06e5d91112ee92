/** How many wrong credentials one address may show in a while. */
const FAILURES = 10;
const WITHIN_MS = 60_000;
const ADDRESSES_AT_MOST = 10_000;

/** Slows down whoever guesses: after ten failures an address waits for up to a minute. */
export class FailureLimit {
  readonly #failures = new Map<string, { count: number; until: number }>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  isReached(address: string): boolean {
    const found = this.#failures.get(address);
    return found !== undefined && found.until > this.#now() && found.count >= FAILURES;
  }

  note(address: string): void {
    const found = this.#failures.get(address);
    if (found !== undefined && found.until > this.#now()) {
      found.count += 1;
      return;
    }
    if (this.#failures.size >= ADDRESSES_AT_MOST) this.#failures.clear();
    this.#failures.set(address, { count: 1, until: this.#now() + WITHIN_MS });
  }
}
