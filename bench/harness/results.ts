import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { chartOf } from './chart.ts';
import { evaluate } from './evaluation.ts';
import type { Machine } from './machine.ts';
import type { Measure } from './measure.ts';
import { sectionOf } from './report.ts';
import type { Failure, Findings } from './run.ts';

/** How a measure was run, and what was found: its file. */
interface Measured extends Findings {
  readonly measure: string;
  readonly at: string;
  readonly quick: boolean;
  readonly machine: Machine;
  readonly settings: Readonly<Record<string, string>>;
}

/** The folder of a run: for each measure a file, for each table a chart, and a summary of all. */
export class Results {
  readonly #folder: URL;

  /** @param folder ends with a slash; made when it is not there */
  constructor(folder: URL) {
    this.#folder = folder;
  }

  /** A complete run begins without what former ones have left. */
  async clear(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** @returns the tables, for the terminal */
  async write(
    measure: Measure,
    findings: Findings,
    how: Pick<Measured, 'quick' | 'machine' | 'settings'>,
  ): Promise<string> {
    await mkdir(this.#folder, { recursive: true });
    const measured = {
      measure: measure.name,
      at: new Date().toISOString(),
      ...how,
      ...findings,
    } satisfies Measured;
    const evaluations = measure.tables.map((table) => evaluate(table, findings.samples));
    const file = {
      ...measured,
      tables: evaluations.map(({ table: { name, title, unit }, ...found }) => ({
        ...{ name, title, unit },
        ...found,
      })),
    };
    await this.#put(`${measure.name}.json`, `${JSON.stringify(file, null, 2)}\n`);
    for (const evaluation of evaluations) {
      if (evaluation.series.length === 0) continue;
      await this.#put(
        `${evaluation.table.name}.svg`,
        `${await chartOf(evaluation, how.quick ? 'A quick run: smaller than it says, and once' : '')}\n`,
      );
    }
    return sectionsOf(measure, findings);
  }

  /** Of all that stands in the folder, also from runs before: each with its own machine and date. */
  async summarize(measures: readonly Measure[]): Promise<void> {
    const parts = ['# What `npm run bench` measured'];
    for (const measure of measures) {
      const measured = await this.#read(measure.name);
      if (measured === undefined) continue;
      parts.push(headOf(measured), sectionsOf(measure, measured));
    }
    await this.#put('summary.md', parts.join('\n\n'));
  }

  async #read(name: string): Promise<Measured | undefined> {
    try {
      return JSON.parse(await readFile(new URL(`${name}.json`, this.#folder), 'utf8'));
    } catch {
      return undefined;
    }
  }

  async #put(name: string, text: string): Promise<void> {
    await writeFile(new URL(name, this.#folder), text);
  }
}

function sectionsOf(
  measure: Measure,
  { samples, failures }: Pick<Findings, 'samples'> & { readonly failures: readonly Failure[] },
): string {
  return measure.tables.map((table) => sectionOf(evaluate(table, samples), failures)).join('\n');
}

function headOf({ measure, at, quick, machine, seconds, repeats }: Measured): string {
  const { processors, memoryGib, system, node, postgresql, packages, commit } = machine;
  const peers = Object.entries(packages).map(([name, version]) => `${name} ${version}`);
  return [
    `---\n\n**${measure}**${quick ? ' (quick)' : ''}: ${at}, commit ${commit ?? 'unknown'},`,
    `${repeats} ${repeats === 1 ? 'run' : 'runs'} in ${Math.round(seconds)} s.`,
    `${processors}, ${memoryGib} GiB, ${system}, Node ${node}, PostgreSQL ${postgresql},`,
    `${peers.join(', ')}.`,
  ].join(' ');
}
