import { mkdir, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { chartOf } from './harness/chart.ts';
import { describeMachine } from './harness/machine.ts';
import type { Measure, Scale } from './harness/measure.ts';
import { sectionOf } from './harness/report.ts';
import { runMeasure } from './harness/run.ts';
import { SETTINGS, startServer } from './harness/server.ts';
import { measures } from './measures/index.ts';

// npm run bench: measures pgwatch beside what one would use instead. See docs/performance.md.
//   --quick              small and once: shows that it works, not how fast
//   --only drain,latency these measures; latency stands for latency-50 and its like
//   --repeats 5          how often each is repeated

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    repeats: { type: 'string' },
  },
});
const say = (line: string) => void process.stdout.write(`${line}\n`);
const results = new URL(values.quick ? './results/quick/' : './results/', import.meta.url);

const only = values.only?.split(',');
const isNamed = (measure: Measure, name: string) =>
  measure.name === name || measure.name.startsWith(`${name}-`);
const unknown = only?.filter((name) => !measures.some((measure) => isNamed(measure, name))) ?? [];
if (unknown.length > 0) {
  say(
    `There is no measure ${unknown.join(', ')}; there are ${measures.map(({ name }) => name).join(', ')}.`,
  );
  process.exit(2);
}
const scale: Scale = {
  quick: values.quick,
  of: (full, quick) => (values.quick ? quick : full),
};

// Without a listener, a signal would end this process alone.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const server = await startServer();
try {
  const machine = describeMachine(server.version);
  say(
    `${machine.processors}, ${machine.memoryGib} GiB, Node ${machine.node}, PostgreSQL ${machine.postgresql}`,
  );
  await mkdir(results, { recursive: true });
  const sections: string[] = [];
  for (const measure of measures) {
    if (only?.some((name) => isNamed(measure, name)) === false) continue;
    const repeats = values.repeats === undefined ? undefined : Number(values.repeats);
    const result = await runMeasure(measure, { serverUrl: server.url, scale, repeats, say });
    const section = sectionOf(result);
    say(`\n${section}`);
    sections.push(section);
    const measured = {
      at: new Date().toISOString(),
      machine,
      settings: SETTINGS,
      quick: values.quick,
    };
    await writeFile(
      new URL(`${result.name}.json`, results),
      `${JSON.stringify({ ...result, ...measured }, null, 2)}\n`,
    );
    await writeFile(new URL(`${result.name}.svg`, results), `${await chartOf(result)}\n`);
  }
  const head = `${new Date().toISOString()}: ${JSON.stringify(machine)}, settings ${JSON.stringify(SETTINGS)}`;
  await writeFile(new URL('summary.md', results), [head, ...sections].join('\n\n'));
} finally {
  await server.stop();
}
