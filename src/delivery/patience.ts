import { abandonable } from '../abandonable.ts';
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

/** Once we are stopping, whoever does not answer is waited for so long. */
export const ANSWER_WITHIN_MS = 5_000;

/**
 * Repeats database operations until they succeed: an outage delays a consumer, nothing more. It lasts
 * for as long as any of them fails: on a full disk, what only reads goes on beside what cannot write.
 */
export class Patience {
  readonly #options: PatienceOptions;
  /** Operations that have failed and are being repeated. */
  #failing = 0;

  constructor(options: PatienceOptions) {
    this.#options = options;
  }

  /**
   * @param operation must be safe to repeat, and to be left behind when we are stopping and nobody
   * answers: it may have succeeded without us learning of it
   * @throws StoppedError when it failed, or was left behind, and we are stopping
   */
  async until<T>(operation: () => Promise<T>): Promise<T> {
    const { stopping } = this.#options;
    return this.untilEnded(() =>
      abandonable(operation(), stopping, ANSWER_WITHIN_MS).catch((error: unknown) => {
        if (error !== stopping.reason) throw error;
        throw new Error(`the database did not answer within ${ANSWER_WITHIN_MS / 1000} s`);
      }),
    );
  }

  /** The same for an operation that ends by itself, and whose end is waited for. */
  async untilEnded<T>(operation: () => Promise<T>): Promise<T> {
    for (let failures = 0; ; ) {
      try {
        const result = await operation();
        if (failures > 0) this.#noteBack();
        return result;
      } catch (error) {
        if (this.#options.failFast) throw error;
        failures += 1;
        if (failures === 1) this.#noteLost(error);
        const { stopping, longestPauseMs } = this.#options;
        if (!stopping.aborted) {
          await pause(backoffMs(failures, longestPauseMs, Math.random()), stopping);
        }
        if (stopping.aborted) throw new StoppedError('stopped', { cause: error });
      }
    }
  }

  #noteLost(error: unknown): void {
    this.#failing += 1;
    if (this.#failing === 1) this.#options.onLost(error);
  }

  #noteBack(): void {
    this.#failing -= 1;
    if (this.#failing === 0) this.#options.onBack();
  }
}
