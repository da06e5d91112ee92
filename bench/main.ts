import { parseArgs } from 'node:util';
import { describeMachine } from './harness/machine.ts';
import type { Measure, Scale } from './harness/measure.ts';
import { markdownTable } from './harness/report.ts';
import { Results } from './harness/results.ts';
import { repeatsOf, runMeasure } from './harness/run.ts';
import { SETTINGS, startServer } from './harness/server.ts';
import { Sites } from './harness/site.ts';
import { measures } from './measures/index.ts';

// npm run bench: measures pgwatch beside what one would use instead. See docs/performance.md.
//   --quick              small and once: shows that it works, not how fast
//   --only drain,latency these measures
//   --repeats 5          how often each is repeated
// Ends with 1 when a contender failed, after all the others.

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    repeats: { type: 'string' },
  },
});
const say = (line: string) => void process.stdout.write(`${line}\n`);
const results = new Results(
  new URL(values.quick ? './results/quick/' : './results/', import.meta.url),
);
const scale: Scale = {
  quick: values.quick,
  of: (full, quick) => (values.quick ? quick : full),
};
const repeats = values.repeats === undefined ? undefined : Number(values.repeats);
if (repeats !== undefined && !(Number.isInteger(repeats) && repeats > 0)) {
  say(`--repeats takes a whole number above 0, not ${values.repeats}.`);
  process.exit(2);
}
const chosen = choose(values.only?.split(','));

// Without a listener, a signal would end this process alone, and leave the server.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const beganAt = performance.now();
say(plan(chosen));
const server = await startServer();
try {
  const machine = describeMachine(server.version);
  say(
    `${machine.processors}, ${machine.memoryGib} GiB, Node ${machine.node}, PostgreSQL ${machine.postgresql}, pgwatch ${machine.commit ?? 'of no known commit'}\n`,
  );
  if (values.only === undefined) await results.clear();
  const sites = new Sites(server.url);
  const took: [string, string, string][] = [];
  for (const measure of chosen) {
    const findings = await runMeasure(measure, { sites, scale, repeats, say });
    const how = { machine, settings: SETTINGS, quick: values.quick };
    say(`\n${await results.write(measure, findings, how)}`);
    await results.summarize(measures);
    const failed = findings.failures.length;
    if (failed > 0) process.exitCode = 1;
    took.push([measure.name, findings.seconds.toFixed(1), failed === 0 ? '' : `${failed} FAILED`]);
  }
  took.push(['in all, with the server', secondsSince(beganAt), '']);
  say(markdownTable(['measure', 'seconds', ''], took));
} finally {
  await server.stop();
}

function choose(names: readonly string[] | undefined): readonly Measure[] {
  const unknown = names?.filter((name) => !measures.some((measure) => measure.name === name)) ?? [];
  if (unknown.length > 0) {
    const known = measures.map(({ name }) => name).join(', ');
    say(`There is no measure ${unknown.join(', ')}; there are ${known}.`);
    process.exit(2);
  }
  return measures.filter(({ name }) => names?.includes(name) ?? true);
}

/** What will be run, and about how long it will take. */
function plan(chosen: readonly Measure[]): string {
  const lines = chosen.map((measure) => {
    const runs = repeatsOf(measure, { scale, repeats });
    const { full, quick } = measure.seconds;
    return { name: measure.name, runs, seconds: runs * scale.of(full, quick) };
  });
  const sum = lines.reduce((total, { seconds }) => total + seconds, 0);
  return markdownTable(
    ['measure', 'runs', 'about'],
    [
      ...lines.map(({ name, runs, seconds }) => [name, String(runs), duration(seconds)]),
      ['in all', '', duration(sum)],
    ],
  );
}

function duration(seconds: number): string {
  return seconds < 100 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

function secondsSince(at: number): string {
  return ((performance.now() - at) / 1_000).toFixed(1);
}
