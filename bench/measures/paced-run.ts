import { setTimeout as pause } from 'node:timers/promises';
import { type Contender, createChanges } from '../contenders/contender.ts';
import type { SinkReport } from '../contenders/sink.ts';
import type { Scale } from '../harness/measure.ts';
import { PacedWriter, type Written } from '../harness/paced-writer.ts';
import type { Site } from '../harness/site.ts';
import { percentile } from '../harness/statistics.ts';
import type { Worker } from '../harness/worker.ts';

/** In milliseconds. */
export interface Latencies {
  /** From the statement that writes to the handler: execution, commit, delivery. */
  readonly fromSent: readonly number[];
  /** From the writer's knowing that it is committed; below zero, the handler knew first. */
  readonly fromAcknowledged: readonly number[];
  /** By how much the writer was late itself. */
  readonly writerLate: readonly number[];
}

/** What is not handled so long after the last write is given up. */
const PATIENCE_MS = 10_000;
const WARM_UP_MS = 1_000;
/** Each of the 16 connections plans its first five executions anew. */
const LOWEST_WARM_UP_RATE = 200;

/** @param before runs when the contender is installed, and nothing is written yet */
export async function pacedRun(
  site: Site,
  contender: Contender,
  rate: number,
  scale: Scale,
  before: (site: Site) => Promise<unknown> = async () => {},
): Promise<Latencies> {
  await createChanges(site);
  await contender.install(site);
  await before(site);
  const warmUp = {
    rate: Math.max(rate, LOWEST_WARM_UP_RATE),
    rows: (Math.max(rate, LOWEST_WARM_UP_RATE) * WARM_UP_MS) / 1_000,
  };
  const seconds = rate > 1 ? scale.of(10, 2) : scale.of(25, 3);
  const measured = { rate, rows: rate * seconds };
  const writer = await PacedWriter.open(site);
  const worker = await contender.start(site, {
    expect: warmUp.rows + measured.rows,
    times: true,
  });
  await writer.write(warmUp);
  const written = await writer.write(measured);
  const { times, lastAt } = await doneOrGivenUp(worker, PATIENCE_MS);
  return latencies(written, new Map(times), lastAt);
}

/** What was given up counts as handled when it was: it took that long at least. */
function latencies(
  written: readonly Written[],
  handledAt: ReadonlyMap<number, number>,
  givenUpAt: number,
): Latencies {
  const since = (at: (row: Written) => number) =>
    written.map((row) => (handledAt.get(row.n) ?? givenUpAt) - at(row));
  return {
    fromSent: since(({ sentAt }) => sentAt),
    fromAcknowledged: since(({ acknowledgedAt }) => acknowledgedAt),
    writerLate: written.map(({ sentAt, dueAt }) => sentAt - dueAt),
  };
}

/** What it has handled: all that was expected, or as much as it can in that time. */
export async function doneOrGivenUp(worker: Worker, patienceMs: number): Promise<SinkReport> {
  const end = new AbortController();
  const givenUp = pause(patienceMs, 'given up' as const, { signal: end.signal });
  givenUp.catch(() => {});
  const first = await Promise.race([worker.done, givenUp]);
  end.abort();
  return first === 'given up' ? worker.report() : first;
}

/** Of a difference of times that may be nothing, on an axis that knows no zero. */
export function percentileMs(values: readonly number[], share: number): number {
  return Math.max(0.01, percentile(values, share));
}
