import { setMaxListeners } from 'node:events';
import type { Gate } from './gate.ts';
import { Pace } from './pace.ts';
import type { Random } from './random.ts';
import { Tally } from './tally.ts';
import { TRANSACTION_KINDS } from './transactions.ts';
import { Writer } from './writer.ts';

export interface WritingOptions {
  readonly url: string;
  readonly random: Random;
  /** Notifications in a second, of all writers together. */
  readonly rate: number;
  readonly gate: Gate;
}

/** All writers of a run. They begin at once. */
export class Writing {
  readonly tally = new Tally();
  readonly #stopping = new AbortController();
  readonly #ended: Promise<unknown>;

  constructor({ url, random, rate, gate }: WritingOptions) {
    // Each writer listens to it for as long as it runs; that is no leak.
    setMaxListeners(0, this.#stopping.signal);
    const writers = TRANSACTION_KINDS.flatMap((kind) =>
      Array.from({ length: kind.writers }, (_, number) => {
        return new Writer({
          url,
          kind,
          random: random.fork(`${kind.name} ${number}`),
          pace: new Pace(rate * kind.share, gate),
          tally: this.tally,
          stopping: this.#stopping.signal,
        });
      }),
    );
    this.#ended = Promise.all(writers.map((writer) => writer.run()));
  }

  /** Returns when the last transaction has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#ended;
  }
}
