import type { Outcomes } from './execute.ts';
import type { Lanes } from './lanes.ts';
import type { Outcome } from './outcome.ts';
import { TURN_MS, turns } from './turns.ts';
import type { Item } from './waiting-items.ts';

export interface DispatcherOptions {
  readonly lanes: Lanes;
  /** Whether anything may begin now. */
  readonly mayBegin: () => boolean;
  /** Makes an attempt. May reject for a fault that is none of the handler's. */
  readonly attempt: (items: readonly Item[]) => Outcomes;
  /** Records what came of it; until then the lanes stay taken. Undefined: there is nothing to wait for. */
  readonly settle: (
    items: readonly Item[],
    outcomes: readonly Outcome[],
  ) => Promise<void> | undefined;
  /** A call of the handler has ended and is recorded. */
  readonly onEnd: () => void;
  /** It could not be recorded. */
  readonly onFault: (error: unknown) => void;
}

/** Calls the handler for what waits in the lanes, as many side by side as they allow. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  #turnAt = performance.now();
  #othersTurn = false;
  #whenDrained: (() => void) | undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** Begins what may begin now. To be called whenever something was added; ends go on by themselves. */
  begin(): void {
    const { lanes, mayBegin, attempt } = this.#options;
    while (!this.#othersTurn && mayBegin()) {
      if (performance.now() - this.#turnAt >= TURN_MS) {
        this.#giveTurn();
        return;
      }
      const items = lanes.next();
      if (items === undefined) return;
      const outcomes = attempt(items);
      if (outcomes instanceof Promise) {
        this.#settleLater(items, outcomes);
      } else {
        this.#settle(items, outcomes);
      }
    }
  }

  /** Resolves when no call runs any more. */
  async drained(): Promise<void> {
    if (this.#options.lanes.running === 0) return;
    await new Promise<void>((resolve) => {
      this.#whenDrained = resolve;
    });
  }

  #settleLater(items: readonly Item[], outcomes: Promise<readonly Outcome[]>): void {
    outcomes
      .then((made) => this.#settle(items, made))
      .catch((error: unknown) => {
        this.#options.onFault(error);
        this.#end(items);
      })
      .finally(() => this.begin());
  }

  #settle(items: readonly Item[], outcomes: readonly Outcome[]): void {
    const { settle, onFault } = this.#options;
    const recording = settle(items, outcomes);
    if (recording === undefined) {
      this.#end(items);
      return;
    }
    recording.catch(onFault).finally(() => {
      this.#end(items);
      this.begin();
    });
  }

  #end(items: readonly Item[]): void {
    const { lanes, onEnd } = this.#options;
    lanes.done(items);
    onEnd();
    if (lanes.running === 0) this.#whenDrained?.();
  }

  #giveTurn(): void {
    this.#othersTurn = true;
    turns.take(() => {
      this.#othersTurn = false;
      this.#turnAt = performance.now();
      this.begin();
    });
  }
}
