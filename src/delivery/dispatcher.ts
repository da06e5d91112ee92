import type { AttemptAtOnce } from './attempts.ts';
import type { Outcomes } from './execute.ts';
import type { Lanes } from './lanes.ts';
import type { Outcome } from './outcome.ts';
import { TURN_MS, turns } from './turns.ts';
import type { Item, Stretch } from './waiting-items.ts';

export interface DispatcherOptions {
  readonly lanes: Lanes;
  /** Whether anything may begin now, of performance.now(). */
  readonly mayBegin: (now: number) => boolean;
  /** Nothing more may begin, even if it might a moment ago. Quick: asked before each call. */
  readonly isStopped: () => boolean;
  /** Makes an attempt. May reject for a fault that is none of the handler's. */
  readonly attempt: (items: readonly Item[]) => Outcomes;
  /** The same for one new notification; undefined: it is handled already. Never throws. */
  readonly attemptAtOnce: AttemptAtOnce | undefined;
  /** Records that the first of a stretch, up to before this index, are handled. */
  readonly settleStretch: (stretch: Stretch, to: number) => void;
  /** Records what came of it; until then the lanes stay taken. Undefined: there is nothing to wait for. */
  readonly settle: (
    items: readonly Item[],
    outcomes: readonly Outcome[],
  ) => Promise<void> | undefined;
  /** A call of the handler has ended and is recorded, or several have, one after the other. */
  readonly onEnd: () => void;
  /** It could not be recorded. */
  readonly onFault: (error: unknown) => void;
}

/**
 * To ask the time takes as long as some calls of a handler that returns at once. So many of them are
 * made between two looks at the clock, if all of them together are over so soon.
 */
const MOST_CALLS_UNTIMED = 8;
const SOON_MS = 0.1;

/**
 * Calls the handler for what waits in the lanes, as many side by side as they allow. As long as it
 * returns at once, there is nothing side by side: then no lane is taken, and what was handled in one
 * go is recorded in one go.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  #turnAt = performance.now();
  #othersTurn = false;
  #callsUntimed = 1;
  #lookedAt = 0;
  #whenDrained: (() => void) | undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** Begins what may begin now. To be called whenever something was added; ends go on by themselves. */
  begin(): void {
    const { lanes, mayBegin, attempt, attemptAtOnce } = this.#options;
    for (;;) {
      const now = performance.now();
      if (this.#othersTurn || !mayBegin(now)) return;
      if (now - this.#turnAt >= TURN_MS) {
        this.beginLater();
        return;
      }
      const stretch = attemptAtOnce === undefined ? undefined : lanes.stretch;
      if (stretch !== undefined && attemptAtOnce !== undefined) {
        this.#lookedAt = now;
        this.#handle(stretch, attemptAtOnce);
        continue;
      }
      const items = lanes.next();
      if (items === undefined) return;
      this.#take(items, attempt(items));
    }
  }

  /** Does so when the event loop has gone round: what was asked of others is on its way first. */
  beginLater(): void {
    if (this.#othersTurn) return;
    this.#othersTurn = true;
    turns.take(() => {
      this.#othersTurn = false;
      this.#turnAt = performance.now();
      this.begin();
    });
  }

  /** Resolves when no call runs any more. */
  async drained(): Promise<void> {
    if (this.#options.lanes.running === 0) return;
    await new Promise<void>((resolve) => {
      this.#whenDrained = resolve;
    });
  }

  /** As many as return at once, until the turn is over; and the first that does not. */
  #handle(stretch: Stretch, attemptAtOnce: AttemptAtOnce): void {
    const { lanes, isStopped, settleStretch, onEnd } = this.#options;
    const { rows, from, isReplay } = stretch;
    let outcomes: Outcomes | undefined;
    let at = from;
    do {
      const until = Math.min(at + this.#callsUntimed, rows.length);
      while (at < until && !isStopped()) {
        const row = rows[at];
        outcomes = row === undefined ? undefined : attemptAtOnce(row, isReplay);
        if (outcomes !== undefined) break;
        at += 1;
      }
    } while (outcomes === undefined && this.#mayGoOn() && at < rows.length);
    if (at > from) {
      lanes.pass(at - from);
      settleStretch(stretch, at);
    }
    if (outcomes !== undefined) {
      // Just this one: it is the next, and nothing that would keep it waiting runs.
      const items = lanes.next();
      if (items !== undefined) this.#take(items, outcomes);
    }
    if (at > from) onEnd();
  }

  /** Looks at the clock: whether the turn and the lease last, and how long not to look again. */
  #mayGoOn(): boolean {
    const now = performance.now();
    const isSoon = now - this.#lookedAt < SOON_MS;
    this.#lookedAt = now;
    this.#callsUntimed = isSoon ? Math.min(2 * this.#callsUntimed, MOST_CALLS_UNTIMED) : 1;
    return now - this.#turnAt < TURN_MS && this.#options.mayBegin(now);
  }

  #take(items: readonly Item[], outcomes: Outcomes): void {
    if (outcomes instanceof Promise) this.#settleLater(items, outcomes);
    else this.#settle(items, outcomes);
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
}
