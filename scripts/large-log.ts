import { parseArgs } from 'node:util';
import { fillLargeLog } from '../test/support/large-log.ts';
import { measureScreens } from '../test/support/large-log-screens.ts';

// npm run test:large-log [-- --rows 10000000]: fills a log of 10 million on a server of its own (some
// ten minutes) and opens each screen of the admin page over it in Chromium. Exits with 1 when a screen
// takes longer than its budget, or is no page. See docs/admin.md.

const { values } = parseArgs({ options: { rows: { type: 'string', default: '10000000' } } });
const rows = Number(values.rows);
if (!Number.isSafeInteger(rows) || rows < 100_000) {
  process.stderr.write(`--rows takes a number from 100000 on, not "${values.rows}".\n`);
  process.exit(2);
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const say = (line: string) => process.stdout.write(`${line}\n`);
const log = await fillLargeLog(rows, say);
try {
  const results = await measureScreens(log, say);
  process.exitCode = results.every(({ isGood }) => isGood) ? 0 : 1;
} finally {
  await log.stop();
}
