import { DeadlineError } from './deadline.ts';
import type { Measure, Recorder, Sample, Scale, Turn } from './measure.ts';
import type { Sites } from './site.ts';

export interface RecordedSample extends Sample {
  /** From 1. */
  readonly repeat: number;
}

/** A turn that did not come to its end. */
export interface Failure {
  readonly turn: string;
  readonly repeat: number;
  readonly reason: string;
}

/** All that was found. */
export interface Findings {
  readonly samples: readonly RecordedSample[];
  readonly failures: readonly Failure[];
  readonly repeats: number;
  readonly seconds: number;
}

export interface RunOptions {
  readonly sites: Pick<Sites, 'use'>;
  readonly scale: Scale;
  readonly repeats: number | undefined;
  readonly say: (line: string) => void;
}

const DEADLINE_SECONDS = 240;
const QUICK_DEADLINE_SECONDS = 40;

export function repeatsOf(measure: Measure, { scale, repeats }: Omit<RunOptions, 'sites' | 'say'>) {
  return repeats ?? (scale.quick ? 1 : (measure.repeats ?? 3));
}

/**
 * Runs all turns of a measure, then all again, so that what else the machine does meanwhile falls on
 * each of them. One that fails keeps none of the others from running.
 */
export async function runMeasure(measure: Measure, options: RunOptions): Promise<Findings> {
  const { scale, say } = options;
  const beganAt = performance.now();
  const repeats = repeatsOf(measure, options);
  const samples: RecordedSample[] = [];
  const failures: Failure[] = [];
  const hung = new Set<string>();
  for (let repeat = 1; repeat <= repeats; repeat += 1) {
    for (const turn of measure.turns(scale)) {
      if (scale.quick && turn.fullOnly) continue;
      // It would only take as long again.
      if (hung.has(turn.name)) continue;
      const head = `${measure.name} ${repeat}/${repeats}  ${turn.name}`;
      const found: Sample[] = [];
      try {
        await runTurn(turn, measure, options, (...more) => found.push(...more));
      } catch (error) {
        if (error instanceof DeadlineError) hung.add(turn.name);
        const reason = reasonOf(error);
        failures.push({ turn: turn.name, repeat, reason });
        say(`${head}: FAILED: ${reason}`);
      }
      samples.push(...found.map((sample) => ({ ...sample, repeat })));
      if (found.length > 0)
        say(`${head}: ${found.slice(0, SAID).map(figureOf(measure)).join(', ')}`);
    }
  }
  return { samples, failures, repeats, seconds: (performance.now() - beganAt) / 1_000 };
}

/** More figures than that are no line. */
const SAID = 20;

function figureOf({ tables }: Measure) {
  return ({ table, variant, value }: Sample) => {
    const name = tables.length > 1 ? `${table} ${variant}` : variant;
    return `${name} ${Number(value.toPrecision(4)).toLocaleString('en')}`;
  };
}

function runTurn(turn: Turn, measure: Measure, { sites, scale }: RunOptions, record: Recorder) {
  const full = measure.deadlineSeconds ?? DEADLINE_SECONDS;
  const deadlineMs = scale.of(full, QUICK_DEADLINE_SECONDS) * 1_000;
  return sites.use(turn.template, deadlineMs, (site) => turn.run(site, record));
}

/** One line of what happened. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const [first = '', ...rest] = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return rest.length === 0 ? first : `${first} ${rest.at(-1)}`;
}
