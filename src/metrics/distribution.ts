/**
 * How values are distributed over buckets. To note one takes some nanoseconds; with the histogram of
 * prom-client it is more than a microsecond, as long as all else that a quick handler costs.
 */
export class Distribution {
  /** Upper bounds of the buckets, ascending. */
  readonly bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  get sum(): number {
    return this.#sum;
  }

  /** How many were at most each bound, and last, how many there were. */
  get cumulated(): readonly number[] {
    let total = 0;
    return this.#counts.map((count) => {
      total += count;
      return total;
    });
  }

  note(value: number): void {
    const { bounds } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += value;
  }
}

export interface HistogramText {
  readonly name: string;
  /** One line, without a backslash. */
  readonly help: string;
  /** By consumer. */
  readonly distributions: Iterable<readonly [consumer: string, Distribution]>;
}

/**
 * Distributions as a histogram of the text format.
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */
export function histogramText({ name, help, distributions }: HistogramText): string {
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`];
  for (const [consumer, { bounds, cumulated, sum }] of distributions) {
    const label = `consumer="${escaped(consumer)}"`;
    cumulated.forEach((count, index) => {
      lines.push(`${name}_bucket{${label},le="${bounds[index] ?? '+Inf'}"} ${count}`);
    });
    lines.push(`${name}_sum{${label}} ${sum}`, `${name}_count{${label}} ${cumulated.at(-1)}`);
  }
  return `${lines.join('\n')}\n`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
