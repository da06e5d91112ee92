import type { SplitState } from '../cursor/split.ts';
import type { DeliveryEventSink } from './events.ts';

/** What a consumer's runner is to do about it. */
export type Steer = 'pause' | 'look again' | 'go on';

/** How a consumer is steered from outside, as its runner has last read it. */
export class Steered {
  readonly #consumer: string;
  readonly #emit: DeliveryEventSink;
  #paused = false;
  #number: number | undefined;

  constructor(consumer: string, emit: DeliveryEventSink) {
    this.#consumer = consumer;
    this.#emit = emit;
  }

  /** Tells when it is paused and resumed. `look again`: its redeliveries were changed. */
  follow({ paused, steered }: Pick<SplitState, 'paused' | 'steered'>): Steer {
    const isNews = this.#number !== undefined && this.#number !== steered;
    if (paused !== this.#paused) {
      this.#emit({ type: paused ? 'paused' : 'resumed', consumer: this.#consumer });
    }
    this.#number = steered;
    this.#paused = paused;
    if (paused) return 'pause';
    return isNews ? 'look again' : 'go on';
  }
}
