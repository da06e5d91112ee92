import type { Site } from './site.ts';

/** How large a measurement is. `quick` shows that all of it works, and little more. */
export interface Scale {
  readonly quick: boolean;
  /** The first for a real run, the second for a quick one. */
  of(full: number, quick: number): number;
}

/** One figure of one run. */
export interface Sample {
  readonly contender: string;
  /** What was varied: a number of clients, a rate, an operation. */
  readonly variant: string;
  readonly value: number;
}

/** What is promised: a median, or the ratio of two, in bounds. */
export interface Target {
  readonly variant: string;
  readonly contender: string;
  /** Compared with this contender, if with any. */
  readonly beside?: { readonly contender: string; readonly variant?: string };
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** One turn: a contender under one condition. Turns of a measure are interleaved and repeated. */
export interface Turn {
  readonly name: string;
  run(site: Site): Promise<readonly Sample[]>;
}

export interface Measure {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  /** A logarithmic axis: the figures are of different magnitudes. */
  readonly logarithmic?: boolean;
  /** How often each turn runs, unless told otherwise. */
  readonly repeats?: number;
  /** Said below the table: how it was done, what it does not show. */
  readonly note: string;
  turns(scale: Scale): readonly Turn[];
  readonly targets: readonly Target[];
}
