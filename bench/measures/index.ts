import type { Measure } from '../harness/measure.ts';
import { commandLine } from './command-line.ts';
import { drain } from './drain.ts';
import { memory } from './memory.ts';

/** In the order in which they are run. */
export const measures: readonly Measure[] = [drain, memory, commandLine];
