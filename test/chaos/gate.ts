import { once } from 'node:events';

/** Lets pass while it is open. */
export class Gate {
  #closed: AbortController | undefined;

  get isOpen(): boolean {
    return this.#closed === undefined;
  }

  close(): void {
    this.#closed ??= new AbortController();
  }

  open(): void {
    this.#closed?.abort();
    this.#closed = undefined;
  }

  /** Waits until it is open, or the signal aborts. */
  async passage(signal: AbortSignal): Promise<void> {
    while (this.#closed !== undefined && !signal.aborted) {
      const end = AbortSignal.any([this.#closed.signal, signal]);
      if (!end.aborted) await once(end, 'abort');
    }
  }
}
