import { PassThrough, Readable } from 'node:stream';
import pino from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CommandContext } from '../../src/cli/options.ts';
import { outputOf } from '../../src/cli/output.ts';
import { runStatus } from '../../src/cli/status.ts';
import { StrayErrors } from '../../src/lifecycle/stray-errors.ts';
import { EventLog } from '../support/event-log.ts';
import { createInstalledDatabase, type InstalledDatabase } from '../support/installed-database.ts';
import { resolveForTest } from '../support/resolved-config.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

let database: InstalledDatabase;

beforeAll(async () => {
  database = await createInstalledDatabase();
  await database.query(`select smart_notify('channel ' || n) from generate_series(1, 20) n`);
});
afterAll(() => database.drop());

const ROWS = 8;

/** What is shown on a small terminal, one text after the other. */
function terminal() {
  const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 80, rows: ROWS });
  const shown = new EventLog<string>();
  stream.on('data', (chunk) => shown.add(String(chunk)));
  return { stream, shown };
}

function contextOf(url: string, stream: PassThrough): CommandContext {
  return {
    config: resolveForTest({ database: { kind: 'url', url } }),
    env: {},
    logger: pino({ level: 'silent' }),
    output: outputOf(stream),
    input: Readable.from([]),
    strayErrors: new StrayErrors(() => 1),
  };
}

it('a status that is watched stays in its place, outlives an outage and ends with its terminal', async () => {
  const proxy = await startTcpProxy(database.url);
  const { stream, shown } = terminal();
  const running = runStatus(contextOf(proxy.url, stream), { json: false, watch: true });
  try {
    const first = await shown.first((text) => text.includes('Log: 20 notifications'));
    expect(first).toContain('more lines');
    await proxy.cut();
    const loss = await shown.first((text) => text.includes('The database has not answered for'));
    expect(loss).toMatch(/ECONNREFUSED|terminated/);
    expect(loss).toContain('Log: 20 notifications');
    await proxy.mend();
    const during = shown.all.length;
    await shown.until((all) => all.slice(during).find((text) => !text.includes('not answered')));
    for (const text of shown.all) expect(text.split('\n').length).toBeLessThanOrEqual(ROWS);
  } finally {
    stream.destroy();
  }
  expect(await running).toBe(0);
  await proxy.close();
});

it('what keeps the first look from being made is an error, as ever', async () => {
  const proxy = await startTcpProxy(database.url);
  await proxy.close();
  const { stream } = terminal();
  const running = runStatus(contextOf(proxy.url, stream), { json: false, watch: true });
  await expect(running).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' });
});
