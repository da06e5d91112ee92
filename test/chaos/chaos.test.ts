import { expect, it } from 'vitest';
import { formatReport } from './report.ts';
import { runChaos } from './run.ts';

// The short run that belongs to the tests; `npm run chaos` makes long ones.
it('loses nothing and keeps the order while daemons, connections and servers come and go', async () => {
  const said: string[] = [];
  const report = await runChaos({
    seed: 20,
    seconds: 25,
    daemons: 3,
    rate: 1_000,
    everySeconds: 3,
    binaries: process.env['PGWATCH_TEST_BINARIES'],
    say: (line) => said.push(line),
  });
  process.stdout.write(`${formatReport(report)}\n`);
  expect(report.broken, said.join('\n')).toEqual([]);
  expect(report.committed).toBeGreaterThan(0);
  for (const { lost, outOfOrder } of report.consumers) {
    expect({ lost, outOfOrder }).toEqual({ lost: 0, outOfOrder: 0 });
  }
}, 600_000);
