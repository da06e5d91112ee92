import type { EventEmitter } from 'node:events';

export interface ShutdownSteps {
  /** Begin nothing more; called once, with what it is for. */
  readonly stop: (reason: ShutdownReason) => void;
  /** The grace period is over. */
  readonly abort: () => void;
  /** A signal during a shutdown: the user does not want to wait. */
  readonly exit: (signal: NodeJS.Signals) => void;
  readonly graceMs: number;
  /** A SIGINT so soon after the first is the same key press. Default: 0, none is. */
  readonly echoMs?: number;
}

export type ShutdownReason = NodeJS.Signals | 'error';

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const satisfies readonly NodeJS.Signals[];

/**
 * An orderly end, at SIGTERM, SIGINT or SIGHUP or on demand: first stop, after the grace period
 * abort, at a signal during that exit. Except at a SIGHUP: when a terminal closes, both the shell
 * and the kernel send one, and nobody is there to be impatient. Nor at an echo: Ctrl-C reaches every
 * process of a terminal's job, and `npm start` passes its own on.
 */
export class Shutdown {
  readonly #steps: ShutdownSteps;
  readonly #source: EventEmitter;
  #grace: NodeJS.Timeout | undefined;
  #interruptedAt = Number.NEGATIVE_INFINITY;

  /** Listens for the signals until released. */
  constructor(steps: ShutdownSteps, source: EventEmitter = process) {
    this.#steps = steps;
    this.#source = source;
    for (const signal of SIGNALS) source.on(signal, this.#onSignal);
  }

  /** Does nothing when it has begun already. */
  begin(reason: ShutdownReason): void {
    if (this.#grace !== undefined) return;
    this.#grace = setTimeout(this.#steps.abort, this.#steps.graceMs);
    this.#steps.stop(reason);
  }

  /** Leaves the signals to others again. */
  release(): void {
    clearTimeout(this.#grace);
    for (const signal of SIGNALS) this.#source.off(signal, this.#onSignal);
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    const isEcho = signal === 'SIGINT' && this.#isEcho();
    if (this.#grace === undefined) this.begin(signal);
    else if (signal !== 'SIGHUP' && !isEcho) this.#steps.exit(signal);
  };

  #isEcho(): boolean {
    const before = this.#interruptedAt;
    this.#interruptedAt = performance.now();
    return this.#interruptedAt - before < (this.#steps.echoMs ?? 0);
  }
}
