import type { EventEmitter } from 'node:events';

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const satisfies readonly NodeJS.Signals[];

/**
 * Lends a signal that aborts at SIGTERM, SIGINT or SIGHUP to a task that runs until then. A second one
 * ends the process as usual.
 */
export async function untilInterrupted<T>(
  task: (signal: AbortSignal) => Promise<T>,
  source: EventEmitter = process,
): Promise<T> {
  const interrupted = new AbortController();
  const release = () => {
    for (const signal of SIGNALS) source.off(signal, onSignal);
  };
  const onSignal = () => {
    release();
    interrupted.abort();
  };
  for (const signal of SIGNALS) source.on(signal, onSignal);
  try {
    return await task(interrupted.signal);
  } finally {
    release();
  }
}
