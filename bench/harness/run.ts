import type { Measure, Sample, Scale, Target } from './measure.ts';
import { atNewSite } from './site.ts';
import { type Summary, summarize } from './statistics.ts';

export interface Series {
  readonly contender: string;
  readonly variant: string;
  readonly summary: Summary;
}

export interface CheckedTarget extends Target {
  readonly measured: number | undefined;
  readonly met: boolean;
}

export interface MeasureResult {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  readonly logarithmic: boolean;
  readonly note: string;
  readonly series: readonly Series[];
  readonly targets: readonly CheckedTarget[];
}

export interface RunOptions {
  readonly serverUrl: string;
  readonly scale: Scale;
  readonly repeats: number | undefined;
  readonly say: (line: string) => void;
}

/**
 * Runs all turns of a measure, then all again, so that what else the machine does meanwhile falls on
 * each of them.
 */
export async function runMeasure(measure: Measure, options: RunOptions): Promise<MeasureResult> {
  const { serverUrl, scale, say } = options;
  const repeats = options.repeats ?? (scale.quick ? 1 : (measure.repeats ?? 3));
  const samples: Sample[] = [];
  for (let repeat = 1; repeat <= repeats; repeat += 1) {
    for (const turn of measure.turns(scale)) {
      const found = await atNewSite(serverUrl, (site) => turn.run(site));
      samples.push(...found);
      const figures = found.map(({ variant, value }) => `${variant} ${value.toPrecision(4)}`);
      say(`${measure.name} ${repeat}/${repeats}  ${turn.name}: ${figures.join(', ')}`);
    }
  }
  const series = seriesOf(samples);
  return {
    name: measure.name,
    title: measure.title,
    unit: measure.unit,
    better: measure.better,
    logarithmic: measure.logarithmic === true,
    note: measure.note,
    series,
    targets: measure.targets.map((target) => check(target, series)),
  };
}

function seriesOf(samples: readonly Sample[]): Series[] {
  const values = new Map<string, { contender: string; variant: string; values: number[] }>();
  for (const { contender, variant, value } of samples) {
    const key = JSON.stringify([contender, variant]);
    const found = values.get(key) ?? { contender, variant, values: [] };
    found.values.push(value);
    values.set(key, found);
  }
  return [...values.values()].map(({ contender, variant, values: all }) => ({
    contender,
    variant,
    summary: summarize(all),
  }));
}

function check(target: Target, series: readonly Series[]): CheckedTarget {
  const { contender, variant, beside, atLeast = 0, atMost = Number.POSITIVE_INFINITY } = target;
  const median = (who: string, what: string) =>
    series.find((one) => one.contender === who && one.variant === what)?.summary.median;
  const own = median(contender, variant);
  const other = beside === undefined ? 1 : median(beside.contender, beside.variant ?? variant);
  const measured = own === undefined || other === undefined ? undefined : own / other;
  return {
    ...target,
    measured,
    met: measured !== undefined && measured >= atLeast && measured <= atMost,
  };
}
