import { setImmediate as nextTurn } from 'node:timers/promises';

export interface SilenceWatchOptions {
  /** How long the server may be silent while it owes an answer. Milliseconds. */
  readonly limitMs: number;
  /** How much has arrived so far. */
  readonly bytesRead: () => number;
  /** Asked when the limit is over: whether the server is known to be at work on it. */
  readonly isAtWork: () => Promise<boolean>;
  /** The connection is taken for dead. */
  readonly onSilence: () => void;
}

/**
 * Notices that a server which owes an answer is not there any more. Of a connection that a firewall
 * or a cut cable has ended, TCP itself tells nobody for a quarter of an hour.
 *
 * One timer for as long as there is something to wait for, not one for each statement.
 */
export class SilenceWatch {
  readonly #options: SilenceWatchOptions;
  #owing = false;
  #heardAt = 0;
  #heardBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SilenceWatchOptions) {
    this.#options = options;
  }

  /** A statement was sent. */
  begin(): void {
    this.#owing = true;
    this.#heard(this.#options.bytesRead());
    this.#checkIn(this.#options.limitMs);
  }

  /** Everything has been answered. */
  end(): void {
    this.#owing = false;
  }

  close(): void {
    this.#owing = false;
    clearTimeout(this.#timer);
  }

  #heard(bytes: number): void {
    this.#heardAt = performance.now();
    this.#heardBytes = bytes;
  }

  #checkIn(ms: number): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => void this.#check(), ms);
    this.#timer.unref();
  }

  async #check(): Promise<void> {
    // A process that was busy or frozen has its timers run before its sockets are read.
    await nextTurn();
    const { limitMs, bytesRead, isAtWork, onSilence } = this.#options;
    this.#timer = undefined;
    if (!this.#owing) return;
    const bytes = bytesRead();
    if (bytes !== this.#heardBytes) this.#heard(bytes);
    const leftMs = this.#heardAt + limitMs - performance.now();
    if (leftMs > 0) {
      this.#checkIn(leftMs);
      return;
    }
    const atWork = await isAtWork();
    if (!this.#owing) return;
    if (atWork || bytesRead() !== bytes) {
      this.#heard(bytesRead());
      this.#checkIn(limitMs);
    } else {
      onSilence();
    }
  }
}
