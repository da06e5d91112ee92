import { setTimeout as pause } from 'node:timers/promises';
import type { Written } from './paced-writer.ts';
import { percentile } from './statistics.ts';
import { clock, type Worker } from './worker.ts';

/** In milliseconds. */
export interface Latencies {
  /** From the statement that writes to the handler: execution, commit, delivery. */
  readonly fromSent: readonly number[];
  /** From the writer's knowing that it is committed; below zero, the handler knew first. */
  readonly fromAcknowledged: readonly number[];
  /** By how much the writer was late itself. */
  readonly writerLate: readonly number[];
  /** So many were not handled in time: they count as handled at its end, and took that at least. */
  readonly givenUp: number;
}

/** What is not handled so long after the last write is given up. */
export const PATIENCE_MS = 10_000;
const LOOK_EVERY_MS = 50;

/**
 * How long after its writing each row was handled first.
 *
 * @param worker notes times
 */
export async function latenciesOf(
  worker: Worker,
  written: readonly Written[],
  patienceMs: number = PATIENCE_MS,
): Promise<Latencies> {
  const missing = new Set(written.map(({ n }) => n));
  const handledAt = new Map<number, number>();
  const endsAt = clock() + patienceMs;
  for (;;) {
    const { times } = await worker.report();
    for (const [n, at] of times) if (missing.delete(n)) handledAt.set(n, at);
    if (missing.size === 0 || clock() > endsAt) break;
    await pause(LOOK_EVERY_MS);
  }
  const givenUpAt = clock();
  const since = (at: (row: Written) => number) =>
    written.map((row) => (handledAt.get(row.n) ?? givenUpAt) - at(row));
  return {
    fromSent: since(({ sentAt }) => sentAt),
    fromAcknowledged: since(({ acknowledgedAt }) => acknowledgedAt),
    writerLate: written.map(({ sentAt, dueAt }) => sentAt - dueAt),
    givenUp: missing.size,
  };
}

/** Of a difference of times that may be nothing, on an axis that knows no zero. */
export function percentileMs(values: readonly number[], share: number): number {
  return Math.max(0.01, percentile(values, share));
}
