import type { Line, Table, Target } from './measure.ts';
import type { RecordedSample } from './run.ts';
import { type Summary, summarize } from './statistics.ts';

/** A line of a table: what its runs came to. */
export interface Series extends Line {
  readonly summary: Summary;
  /** Of its median to that of the floor; none where that was not measured. */
  readonly ratio: number | undefined;
}

export interface CheckedTarget extends Target {
  readonly measured: number | undefined;
  readonly verdict: 'met' | 'missed' | 'not measured';
}

export interface Evaluation {
  readonly table: Table;
  readonly series: readonly Series[];
  readonly targets: readonly CheckedTarget[];
}

/** Sums up the samples of a table, and compares them with its floor and its targets. */
export function evaluate(table: Table, samples: readonly RecordedSample[]): Evaluation {
  // Map.groupBy() came with Node 21.
  const groups = new Map<string, Line & { readonly values: number[] }>();
  for (const { table: name, contender, variant, value, repeat } of samples) {
    if (name !== table.name) continue;
    // Of the course of something there is no median: the first stands for all.
    if (table.course !== undefined && repeat > 1) continue;
    const key = keyOf({ contender, variant });
    const group = groups.get(key) ?? { contender, variant, values: [] };
    group.values.push(value);
    groups.set(key, group);
  }
  const lines = [...groups.values()].map(({ contender, variant, values }) => ({
    contender,
    variant,
    summary: summarize(values),
  }));
  const medians = new Map(lines.map((line) => [keyOf(line), line.summary.median]));
  const medianOf = (line: Line) => medians.get(keyOf(line));
  const series = lines.map((line) => {
    const floor = table.floor && medianOf(table.floor.of(line));
    return { ...line, ratio: ratio(line.summary.median, floor) };
  });
  return { table, series, targets: table.targets.map((target) => check(target, medianOf)) };
}

function check(target: Target, medianOf: (line: Line) => number | undefined): CheckedTarget {
  const { beside, atLeast = 0, atMost = Number.POSITIVE_INFINITY } = target;
  const other = beside === undefined ? 1 : medianOf({ variant: target.variant, ...beside });
  const measured = ratio(medianOf(target), other);
  if (measured === undefined) return { ...target, measured, verdict: 'not measured' };
  const met = measured >= atLeast && measured <= atMost;
  return { ...target, measured, verdict: met ? 'met' : 'missed' };
}

function ratio(value: number | undefined, floor: number | undefined): number | undefined {
  if (value === undefined || floor === undefined || floor === 0) return undefined;
  return value / floor;
}

function keyOf({ contender, variant }: Line): string {
  return JSON.stringify([contender, variant]);
}
