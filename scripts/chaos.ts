import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { formatReport } from '../test/chaos/report.ts';
import { runChaos } from '../test/chaos/run.ts';

// npm run chaos -- --minutes 10 --seed 1: proves delivery under faults. Exits with 1 when a promise
// was broken. Also: --daemons 3, --rate (notifications a second), --every (seconds between faults),
// --json FILE for the report, --logs FOLDER for the daemons' logs. See docs/reliability.md.

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    daemons: { type: 'string', default: '3' },
    rate: { type: 'string', default: '3000' },
    every: { type: 'string', default: '6' },
    json: { type: 'string' },
    logs: { type: 'string' },
  },
});

// Without a listener, a signal would end this process alone.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const report = await runChaos({
  seed: numberOf('seed'),
  seconds: numberOf('minutes') * 60,
  daemons: numberOf('daemons'),
  rate: numberOf('rate'),
  everySeconds: numberOf('every'),
  logs: values.logs,
  say: (line) => process.stdout.write(`${line}\n`),
});
process.stdout.write(`\n${formatReport(report)}\n`);
if (values.json !== undefined) await writeFile(values.json, JSON.stringify(report, null, 2));
process.exitCode = report.broken.length === 0 ? 0 : 1;

function numberOf(option: 'minutes' | 'seed' | 'daemons' | 'rate' | 'every'): number {
  const number = Number(values[option]);
  if (Number.isFinite(number) && number >= 0) return number;
  process.stderr.write(`--${option} takes a number, not "${values[option]}".\n`);
  process.exit(2);
}
