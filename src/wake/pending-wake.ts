/** Why a wait ended. */
export type WaitEnd = 'woken' | 'timeout' | 'aborted';

/**
 * The signal that a consumer may have something to do. A wake that comes while nobody waits is kept
 * (once, however many come), so none can be lost between "nothing to do" and "wait".
 */
export class PendingWake {
  #pending = false;
  #end: ((end: WaitEnd) => void) | undefined;

  wake(): void {
    if (this.#end !== undefined) this.#end('woken');
    else this.#pending = true;
  }

  /** Waits for a wake, at most so long. One caller at a time. */
  wait(timeoutMs: number, signal: AbortSignal): Promise<WaitEnd> {
    if (signal.aborted) return Promise.resolve('aborted');
    if (this.#pending) {
      this.#pending = false;
      return Promise.resolve('woken');
    }
    return new Promise((resolve) => {
      const onAbort = () => this.#end?.('aborted');
      const timer = setTimeout(() => this.#end?.('timeout'), Math.min(timeoutMs, LONGEST_TIMER_MS));
      signal.addEventListener('abort', onAbort, { once: true });
      this.#end = (end) => {
        this.#end = undefined;
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        resolve(end);
      };
    });
  }
}

/** What setTimeout takes: 2^31 - 1 ms. */
const LONGEST_TIMER_MS = 2_147_483_647;
