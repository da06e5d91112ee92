import type { EventEmitter } from 'node:events';

export interface ShutdownSteps {
  /** Begin nothing more; called once, with the signal's name. */
  readonly stop: (signal: NodeJS.Signals) => void;
  /** The grace period is over. */
  readonly abort: () => void;
  /** A second signal: the user does not want to wait. */
  readonly exit: (signal: NodeJS.Signals) => void;
  readonly graceMs: number;
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const satisfies readonly NodeJS.Signals[];

/**
 * Ties SIGTERM and SIGINT to an orderly end: first stop, after the grace period abort, at a second
 * signal exit. Returns how to take the handlers off again.
 */
export function onShutdownSignals(
  steps: ShutdownSteps,
  source: EventEmitter = process,
): () => void {
  let grace: NodeJS.Timeout | undefined;
  const handle = (signal: NodeJS.Signals) => {
    if (grace !== undefined) {
      steps.exit(signal);
      return;
    }
    grace = setTimeout(steps.abort, steps.graceMs);
    steps.stop(signal);
  };
  for (const signal of SIGNALS) source.on(signal, handle);
  return () => {
    clearTimeout(grace);
    for (const signal of SIGNALS) source.off(signal, handle);
  };
}
