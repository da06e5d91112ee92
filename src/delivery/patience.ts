import { backoffMs } from '../lifecycle/backoff.ts';
import { pause } from '../lifecycle/pause.ts';

/** Thrown out of a database operation that was given up because of a shutdown. */
export class StoppedError extends Error {
  override readonly name = 'StoppedError';
}

export interface PatienceOptions {
  readonly longestPauseMs: number;
  /** Once aborted, nothing is tried a second time. */
  readonly stopping: AbortSignal;
  /** A single try, for `--once`: the error goes to the caller. */
  readonly failFast: boolean;
  readonly onLost: (error: unknown) => void;
  readonly onBack: () => void;
}

/** Tells when what somebody else repeats begins to fail, and when it works again. */
export class Misses {
  readonly #options: Pick<PatienceOptions, 'onLost' | 'onBack'>;
  #failing = false;

  constructor(options: Pick<PatienceOptions, 'onLost' | 'onBack'>) {
    this.#options = options;
  }

  /** Runs the operation once. @throws what it throws */
  async of<T>(operation: () => Promise<T>): Promise<T> {
    try {
      const result = await operation();
      if (this.#failing) this.#options.onBack();
      this.#failing = false;
      return result;
    } catch (error) {
      if (!this.#failing) this.#options.onLost(error);
      this.#failing = true;
      throw error;
    }
  }
}

/** Repeats database operations until they succeed: an outage delays a consumer, nothing more. */
export class Patience {
  readonly #options: PatienceOptions;
  #failures = 0;

  constructor(options: PatienceOptions) {
    this.#options = options;
  }

  /**
   * @param operation must be safe to repeat: it may have succeeded without us learning of it
   * @throws StoppedError when it failed and we are stopping
   */
  async until<T>(operation: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const result = await operation();
        if (this.#failures > 0) this.#options.onBack();
        this.#failures = 0;
        return result;
      } catch (error) {
        if (this.#options.failFast) throw error;
        this.#failures += 1;
        if (this.#failures === 1) this.#options.onLost(error);
        const { stopping, longestPauseMs } = this.#options;
        if (!stopping.aborted) {
          await pause(backoffMs(this.#failures, longestPauseMs, Math.random()), stopping);
        }
        if (stopping.aborted) throw new StoppedError('stopped', { cause: error });
      }
    }
  }
}
