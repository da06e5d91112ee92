import type { Measure } from '../harness/measure.ts';
import { bulk } from './bulk.ts';
import { commandLine } from './command-line.ts';
import { cursorGrowth } from './cursor-growth.ts';
import { drain } from './drain.ts';
import { footprint } from './footprint.ts';
import { growth } from './growth.ts';
import { latency } from './latency.ts';
import { manyConsumers } from './many-consumers.ts';
import { memory } from './memory.ts';
import { retention } from './retention.ts';
import { trouble } from './trouble.ts';
import { writers } from './writers.ts';

/** In the order in which they are run. */
export const measures: readonly Measure[] = [
  drain,
  writers,
  bulk,
  latency,
  manyConsumers,
  trouble,
  footprint,
  cursorGrowth,
  memory,
  commandLine,
  retention,
  growth,
];
