import type { Site, Template } from './site.ts';

/** How large a measurement is. `quick` shows that all of it works, and little more. */
export interface Scale {
  readonly quick: boolean;
  /** The first for a real run, the second for a quick one. */
  of<T>(full: T, quick: T): T;
}

/** Which line of a table: who, under which condition. */
export interface Line {
  readonly contender: string;
  /** What was varied: a number of clients, a rate, an operation. */
  readonly variant: string;
}

/** One figure of one run. */
export interface Sample extends Line {
  /** The name of its table. */
  readonly table: string;
  readonly value: number;
}

/** What is promised: a median, or the ratio of two, in bounds. */
export interface Target extends Line {
  /** Compared with this line, if with any: of the same variant, unless it says another. */
  readonly beside?: { readonly contender: string; readonly variant?: string };
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** What the figures of a table are divided by, so that machines can be compared. */
export interface Floor {
  /** The head of the column: `× no trigger`. */
  readonly title: string;
  /** The line that stands for one in the column of a given line. */
  of(line: Line): Line;
}

/** What is shown in one table and one chart: figures of one kind. */
export interface Table {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  /** A logarithmic axis: the figures are of different magnitudes. */
  readonly logarithmic?: boolean;
  readonly floor?: Floor;
  /** Said below the table: how it was done, what it does not show. */
  readonly note: string;
  readonly targets: readonly Target[];
  /** The variant is a number, such as seconds: drawn as a line over it, and only listed in JSON. */
  readonly course?: { readonly unit: string };
}

/** One turn: a contender under one condition. Turns of a measure are interleaved and repeated. */
export interface Turn {
  readonly name: string;
  /** What its database begins with. Default: an empty one. */
  readonly template?: Template;
  /** Left out of a quick run. Default: false. */
  readonly fullOnly?: boolean;
  /** @param record takes figures as they are found, so that a failure later loses none */
  run(site: Site, record: Recorder): Promise<void>;
}

export type Recorder = (...samples: readonly Sample[]) => void;

export interface Measure {
  readonly name: string;
  /** About how long one repeat should take with two processors, in seconds: an estimate. */
  readonly seconds: { readonly full: number; readonly quick: number };
  /** How often each turn runs, unless told otherwise. Default: 3; a quick run has one. */
  readonly repeats?: number;
  /** After so many seconds a turn is given up. Default: 240; in a quick run, 40. */
  readonly deadlineSeconds?: number;
  readonly tables: readonly Table[];
  turns(scale: Scale): readonly Turn[];
}

/**
 * Leaves a turn out of a quick run. Nearly all that one takes there is its database and its processes,
 * so a quick run is as quick as it has few turns: as many as show that each measure and each contender
 * works.
 */
export function fullOnly(turn: Turn): Turn {
  return { ...turn, fullOnly: true };
}

/** Beside one contender under the same condition. */
export function besideContender(contender: string): Floor {
  return { title: `× ${contender}`, of: ({ variant }) => ({ contender, variant }) };
}

/** Beside the same contender under one condition. */
export function besideVariant(variant: string): Floor {
  return { title: `× ${variant}`, of: ({ contender }) => ({ contender, variant }) };
}
