import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { startAdmin } from '../support/admin-client.ts';
import { BrowserFixture, DESKTOP, PHONE } from '../support/browser.ts';
import { DeliveryFixture } from '../support/delivery-fixture.ts';
import { createInstalledDatabase } from '../support/installed-database.ts';
import { fillLivelyLog, type LivelyLog } from '../support/lively-log.ts';

const fixture = new DeliveryFixture();
const browser = new BrowserFixture();
let log: LivelyLog;

beforeAll(async () => {
  log = await fillLivelyLog(fixture.database);
});

/** What people with other eyes, ears and hands cannot use there, a line each. @param options of `axe.run` */
async function objections(page: Page, options: object = {}): Promise<unknown> {
  return page.evaluate(`axe.run(${JSON.stringify(options)}).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => id + ' ' + target + ' ' + failureSummary)))`);
}

/** At a desk and on a phone, in light and dark. */
async function assertUsable(page: Page): Promise<void> {
  for (const [name, viewport] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
    expect([name, await objections(page)]).toEqual([name, []]);
    // Nothing but the colours differs.
    await page.emulateMedia({ colorScheme: 'dark' });
    const inTheDark = await objections(page, { runOnly: ['color-contrast'] });
    expect([name, inTheDark]).toEqual([name, []]);
    const sideways = await page.evaluate(
      'document.documentElement.scrollWidth - document.documentElement.clientWidth',
    );
    expect([name, sideways]).toEqual([name, 0]);
  }
}

const screens: readonly [string, () => string, string][] = [
  ['the overview', () => '/', 'Overview'],
  ['the consumers', () => '/consumers', 'Consumers'],
  ['a consumer', () => `/consumers/${log.failing}`, 'failing_mails'],
  ['a consumer that is paused', () => `/consumers/${log.paused}`, 'paused_report'],
  [
    'the choice of a replay',
    () => `/consumers/${log.failing}/replay?count=1`,
    'Replay for failing_mails',
  ],
  [
    'the question before forgetting',
    () => `/consumers/${log.failing}/forget`,
    'Forget failing_mails?',
  ],
  ['the dead letters', () => '/dead-letters', 'Dead letters'],
  ['the dead letters of a consumer', () => `/dead-letters?consumer=${log.failing}`, 'Dead letters'],
  [
    'the question before discarding',
    () => `/dead-letters/review?consumer=${log.failing}&do=discard+all`,
    'Discard 3 dead letters?',
  ],
  ['the notifications', () => '/notifications', 'Notifications'],
  ['a search', () => `/notifications?consumer=${log.failing}&state=dead`, 'Notifications'],
  ['a notification', () => `/notifications/${log.change}`, 'Notification'],
  ['a timeline', () => `/notifications/${log.change}/timeline`, 'Timeline'],
  [
    'the question before a replay',
    () => `/notifications/replay?consumer=${log.failing}&id=${log.dead}`,
    'Replay 1 notification?',
  ],
  ['the statistics', () => '/statistics', 'Statistics'],
  ['the form to send', () => '/send', 'Send a test notification'],
  ['the preview of a clean-up', () => '/cleanup?days=0', 'Clean-up'],
  ['a problem', () => '/notifications?since=yesterday', 'Notifications'],
];

describe('with data', () => {
  it.each(screens)('%s is shown to everybody', async (_, path, title) => {
    const admin = await startAdmin({ db: fixture.database.db });
    const page = await browser.open(`${admin.origin}${path()}`, { initScript: axe.source });
    await page.getByRole('heading', { level: 1, name: title }).waitFor();
    await assertUsable(page);
  });

  it('draws its charts, and fills in what takes a while', async () => {
    const admin = await startAdmin({ db: fixture.database.db });
    const overview = await browser.open(admin.origin);
    expect(await overview.locator('.chart canvas').count()).toBe(1);
    expect(await overview.locator('.spark canvas').count()).toBe(4);
    const detail = await browser.open(`${admin.origin}/notifications/${log.change}`);
    await detail.locator('#timeline li[aria-current]').waitFor();
    expect(await detail.locator('.diff tr.changed').first().textContent()).toMatch(/status/);
  });
});

/** How many lines each of these texts takes. */
async function linesOf(page: Page, selector: string): Promise<unknown> {
  return page.evaluate(`[...document.querySelectorAll(${JSON.stringify(selector)})]
    .map((node) => new Set([...node.getClientRects()].map(({ top }) => Math.round(top))).size)`);
}

describe('where there is little room', () => {
  it('an id stays on one line, whatever stands beside it', async () => {
    const { database } = fixture;
    await database.query(`select smart_notify($1, '{}', $2) from generate_series(1, 50)`, [
      'a.channel.with.a.long.name'.repeat(2),
      'k'.repeat(500),
    ]);
    const admin = await startAdmin({ db: database.db });
    const page = await browser.open(`${admin.origin}/notifications`);
    await page.locator('tbody tr').nth(49).waitFor();
    expect(await linesOf(page, 'tbody a.name')).toEqual(Array.from({ length: 50 }, () => 1));
  });

  it('a phone shows which page it is, and links in one piece', async () => {
    const admin = await startAdmin({ db: fixture.database.db });
    const page = await browser.open(`${admin.origin}/cleanup`, { viewport: PHONE });
    const current = await page.locator('nav [aria-current="page"]').boundingBox();
    const end = (current?.x ?? PHONE.width) + (current?.width ?? 0);
    expect(Math.floor(end)).toBeLessThanOrEqual(PHONE.width);
    await page.goto(`${admin.origin}/notifications/${log.dead}`);
    // Replay for who has handled it, replay and discard for whose dead letter it is.
    await page.getByRole('link', { name: /^Discard/ }).waitFor();
    const lines = await linesOf(page, 'td.number a');
    expect(lines).toEqual([1, 1, 1, 1]);
  });
});

it('a notification names the transaction that wrote it', async () => {
  const { database } = fixture;
  const client = await database.connect();
  await client.query('begin');
  const written = await client.query<{ id: string; xid: string }>(
    `select smart_notify($1)::text as id, pg_current_xact_id()::text as xid from generate_series(1, 2)`,
    [fixture.name()],
  );
  await client.query('commit');
  await client.end();
  const later = await fixture.notify();
  const admin = await startAdmin({ db: database.db });
  const transactionOf = async (id: string | number) => {
    const page = await browser.open(`${admin.origin}/notifications/${id}`);
    return page
      .locator('dt', { hasText: /^Transaction$/ })
      .locator('+ dd')
      .textContent();
  };
  for (const { id, xid } of written.rows) expect(await transactionOf(id)).toBe(xid);
  expect(await transactionOf(later)).not.toBe(written.rows[0]?.xid);
});

describe('without anything', () => {
  const empty: readonly [string, string][] = [
    ['/', 'No consumer has run on this database yet.'],
    ['/consumers', 'No consumer has run on this database yet.'],
    ['/dead-letters', 'There are no dead letters.'],
    ['/notifications', 'The log is empty.'],
    ['/statistics', 'The log is empty.'],
    ['/cleanup?days=7', '0 notifications written before'],
  ];

  it('each screen says what to do', async () => {
    const database = await createInstalledDatabase();
    try {
      const admin = await startAdmin({ db: database.db });
      const page = await browser.open(admin.origin, { initScript: axe.source });
      for (const [path, text] of empty) {
        await page.goto(`${admin.origin}${path}`);
        await page.getByText(text).first().waitFor();
        await page.setViewportSize(DESKTOP);
        expect([path, await objections(page)]).toEqual([path, []]);
        await page.setViewportSize(PHONE);
        expect([path, await objections(page)]).toEqual([path, []]);
      }
    } finally {
      await database.drop();
    }
  });
});

describe('signing in', () => {
  it('is for everybody, and leads to the page that was asked for', async () => {
    const token = 'operator-token-0123456789';
    const env = { PGWATCH_ADMIN_TOKEN: token };
    const admin = await startAdmin({ db: fixture.database.db, env });
    const page = await browser.open(`${admin.origin}/consumers?a=1`, {
      initScript: axe.source,
      expectsRefusals: true,
    });
    await assertUsable(page);
    await page.getByLabel('Password or token').fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('These credentials are wrong.').waitFor();
    await assertUsable(page);
    await page.getByLabel('Password or token').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { level: 1, name: 'Consumers' }).waitFor();
    expect(page.url()).toBe(`${admin.origin}/consumers?a=1`);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in to pgwatch' }).waitFor();
    await page.goto(admin.origin);
    expect(new URL(page.url()).pathname).toBe('/sign-in');
  });
});
