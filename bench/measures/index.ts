import type { Measure } from '../harness/measure.ts';
import { drain } from './drain.ts';

/** In the order in which they are run. */
export const measures: readonly Measure[] = [drain];
