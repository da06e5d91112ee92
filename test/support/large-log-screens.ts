import pino from 'pino';
import type { Page } from 'playwright-core';
import { startAdminServer } from '../../src/admin/web/server.ts';
import { findChromium, launchChromium, watchForProblems } from './chromium.ts';
import type { LargeLog } from './large-log.ts';
import { resolveForTest } from './resolved-config.ts';

interface Screen {
  readonly path: string;
  /** Seconds. */
  readonly within: number;
  /** A notice that it was given up is an answer, too. Default: false. */
  readonly mayGiveUp?: boolean;
}

export interface Measured extends Screen {
  /** Until the page is loaded, in seconds; the slower of two visits. */
  readonly seconds: number;
  readonly isGood: boolean;
}

/** What asks for one thing. */
const QUICK = 2;
/** A search gets 2 s, a preview 3 s. */
const SEARCH = 4;
const PREVIEW = 5;
/** A count of what is to be replayed gets 30 s, as any statement. */
const COUNT = 33;

function screens({ rows }: LargeLog): readonly Screen[] {
  const near = Math.floor(rows / 2);
  return [
    { path: '/', within: QUICK },
    { path: '/consumers', within: QUICK },
    { path: '/consumers/behind', within: QUICK },
    { path: '/consumers/failing', within: QUICK },
    { path: '/consumers/level/replay', within: QUICK },
    { path: '/consumers/level/replay?since=1h&count=1', within: QUICK },
    { path: '/consumers/level/replay?count=1', within: COUNT, mayGiveUp: true },
    { path: '/consumers/failing/forget', within: QUICK },
    { path: '/dead-letters', within: QUICK },
    { path: '/dead-letters?consumer=failing', within: QUICK },
    { path: '/dead-letters/review?consumer=failing&do=discard+all', within: SEARCH },
    { path: '/notifications', within: QUICK },
    { path: '/notifications?channel=rare', within: QUICK },
    { path: '/notifications?since=10d&until=9d', within: QUICK },
    { path: `/notifications?before=${near}`, within: QUICK },
    { path: '/notifications?consumer=failing&state=dead', within: QUICK },
    { path: '/notifications?consumer=behind&state=pending', within: SEARCH, mayGiveUp: true },
    { path: '/notifications?consumer=level&state=handled', within: SEARCH, mayGiveUp: true },
    { path: '/notifications?key=key+17', within: SEARCH, mayGiveUp: true },
    {
      path: '/notifications?table=users&where=new_data.status%3Dlost',
      within: SEARCH,
      mayGiveUp: true,
    },
    { path: `/notifications/${near}`, within: QUICK },
    { path: `/notifications/${near}/timeline`, within: SEARCH, mayGiveUp: true },
    { path: '/notifications/replay?consumer=level&id=17&id=18', within: QUICK },
    { path: '/statistics', within: PREVIEW },
    { path: '/send', within: QUICK },
    { path: '/cleanup', within: QUICK },
    { path: '/cleanup?days=7', within: PREVIEW },
  ];
}

const LOAD_MS = 60_000;

/** Opens each screen twice. */
export async function measureScreens(
  log: LargeLog,
  say: (line: string) => void,
): Promise<readonly Measured[]> {
  const program = findChromium();
  if (program === undefined) throw new Error('There is no chromium on this machine.');
  const admin = await startAdminServer({
    db: log.db,
    env: {},
    logger: pino({ level: 'silent' }),
    config: resolveForTest(),
    bind: { host: '127.0.0.1', port: 0 },
  });
  const browser = await launchChromium(program);
  try {
    const results: Measured[] = [];
    for (const screen of screens(log)) {
      const page = await browser.newPage();
      const problems = watchForProblems(page);
      const times = [
        await secondsOf(page, `${admin.url}${screen.path}`),
        await secondsOf(page, `${admin.url}${screen.path}`),
      ];
      const gaveUp = (await page.locator('main .notice.problem').count()) > 0;
      await page.close();
      const seconds = Math.max(...times);
      const isAnswered = problems.length === 0 && (!gaveUp || screen.mayGiveUp === true);
      const isGood = isAnswered && seconds <= screen.within;
      const shown = times.map((time) => `${time.toFixed(2)} s`).join(', ');
      const verdict = [
        isGood ? 'good' : 'FAILED',
        ...(gaveUp ? ['gave up'] : []),
        ...problems,
      ].join('; ');
      say(`${screen.path}  ${shown}  (${screen.within} s)  ${verdict}`);
      results.push({ ...screen, seconds, isGood });
    }
    return results;
  } finally {
    await browser.close();
    await admin.close();
  }
}

async function secondsOf(page: Page, url: string): Promise<number> {
  const began = performance.now();
  await page.goto(url, { waitUntil: 'load', timeout: LOAD_MS });
  return (performance.now() - began) / 1000;
}
