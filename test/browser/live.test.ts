import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { startAdmin } from '../support/admin-client.ts';
import { BrowserFixture, untilLive } from '../support/browser.ts';
import { DeliveryFixture } from '../support/delivery-fixture.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';

const fixture = new DeliveryFixture();
const browser = new BrowserFixture();

/** The list of this test's channel, open and connected. */
async function openList(): Promise<Page> {
  const admin = await startAdmin({ db: fixture.database.db });
  const page = await browser.open(`${admin.origin}/notifications?channel=${fixture.name()}`);
  await untilLive(page);
  return page;
}

function row(page: Page, id: number) {
  return page.getByRole('link', { name: String(id), exact: true });
}

function box(page: Page, id: number) {
  return page.getByRole('checkbox', { name: `Select notification ${id}` });
}

function light(page: Page, state: 'on' | 'frozen') {
  return page.locator(`#live-light[data-state="${state}"]`);
}

/** The page has heard of something new once more, and has done with it what it does. */
async function untilToldAgain(page: Page): Promise<void> {
  await page.evaluate(
    (url) =>
      new Promise<void>((resolve) => {
        const source = new EventSource(url);
        let times = 0;
        source.addEventListener('change', () => {
          times += 1;
          if (times < 2) return;
          source.close();
          resolve();
        });
      }),
    '/events',
  );
}

describe('an open page', () => {
  it('shows what is new without being loaded again, its focus kept', async () => {
    const first = await fixture.notify();
    const page = await openList();
    await page.evaluate(`document.documentElement.dataset.sameDocument = ''`);
    await row(page, first).focus();
    const second = await fixture.notify();
    await row(page, second).waitFor();
    expect(await page.locator('html[data-same-document]').count()).toBe(1);
    expect(await row(page, first).and(page.locator(':focus')).count()).toBe(1);
  });

  it('shows how a consumer goes on', async () => {
    await fixture.notify();
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()]);
    await fixture.start([consumer], { once: true }).ended;
    const admin = await startAdmin({ db: fixture.database.db });
    const page = await browser.open(`${admin.origin}/consumers/${consumer.id}`);
    await page.locator('.badge', { hasText: 'stopped' }).waitFor();
    await untilLive(page);
    await fixture.startLive([consumer]);
    await page.locator('.badge', { hasText: 'live' }).waitFor();
    expect(await page.locator('.chart canvas').count()).toBe(1);
  });

  it('says when the server is gone', async () => {
    const admin = await startAdmin({ db: fixture.database.db });
    const page = await browser.open(`${admin.origin}/`, { expectsRefusals: true });
    await untilLive(page);
    await admin.close();
    await page.locator('#live-light', { hasText: 'no connection' }).waitFor();
  });
});

it('a list that keeps itself up to date leads on from its last row, without a gap', async () => {
  const send = async (count: number) => {
    const ids: number[] = [];
    for (let sent = 0; sent < count; sent += 1) ids.push(await fixture.notify());
    return ids;
  };
  const first = await send(60);
  const page = await openList();
  await page.getByRole('link', { name: `${first.at(-1)}`, exact: true }).waitFor();
  const second = await send(30);
  await page.getByRole('link', { name: `${second.at(-1)}`, exact: true }).waitFor();
  await page.getByRole('link', { name: 'Older' }).click();
  await page.getByRole('link', { name: `${first[0]}`, exact: true }).waitFor();
  const shown = await page.locator('tbody a.name').allTextContents();
  // Fifty were on the page before: the thirty, and twenty of the sixty.
  expect(shown.map(Number)).toEqual(first.slice(0, 40).toReversed());
});

describe('a list in which rows are selected', () => {
  it('stays as it is, and goes on when they no longer are', async () => {
    const first = await fixture.notify();
    const page = await openList();
    await box(page, first).check();
    await light(page, 'frozen').waitFor();
    const second = await fixture.notify();
    await untilToldAgain(page);
    expect(await row(page, second).count()).toBe(0);
    expect(await box(page, first).isChecked()).toBe(true);
    await box(page, first).uncheck();
    await row(page, second).waitFor();
    await light(page, 'on').waitFor();
  });

  it('says how many they are; Escape ends the selection', async () => {
    const ids = [await fixture.notify(), await fixture.notify(), await fixture.notify()];
    const page = await openList();
    const replay = page.getByRole('button', { name: /^Replay selected/ });
    expect(await replay.isDisabled()).toBe(true);
    await page.getByRole('checkbox', { name: 'Select all on this page' }).check();
    expect(await replay.textContent()).toMatch(/Replay selected 3/);
    expect(await replay.isDisabled()).toBe(false);
    const newest = await fixture.notify();
    await page.keyboard.press('Escape');
    for (const id of ids) expect(await box(page, id).isChecked()).toBe(false);
    expect(await replay.isDisabled()).toBe(true);
    await row(page, newest).waitFor();
  });
});

describe('with the keyboard alone', () => {
  /** Presses Tab until that has the focus. */
  async function tabTo(page: Page, name: string): Promise<void> {
    const reached: string[] = [];
    for (let presses = 0; presses < 60; presses += 1) {
      await page.keyboard.press('Tab');
      const focused = page.locator(':focus');
      const label = await focused.getAttribute('aria-label');
      const text = label ?? (await focused.textContent()) ?? '';
      reached.push(text.trim().replaceAll(/\s+/g, ' '));
      if (reached.at(-1)?.startsWith(name)) return;
    }
    throw new Error(`Tab does not come to "${name}", but to: ${reached.join(' | ')}`);
  }

  it('one skips to the content, selects, and comes to the action', async () => {
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()]);
    const id = await fixture.notify();
    await fixture.start([consumer], { once: true }).ended;
    const page = await openList();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await page.locator('main:focus').count()).toBe(1);
    await tabTo(page, `Select notification ${id}`);
    await page.keyboard.press('Space');
    expect(await box(page, id).isChecked()).toBe(true);
    await page.getByLabel('for the consumer').selectOption(consumer.id);
    await page.locator('main').focus();
    await tabTo(page, 'Replay selected');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Replay 1 notification?' }).waitFor();
    await tabTo(page, 'Replay 1 notification');
    await page.keyboard.press('Enter');
    await page.getByText('1 notification will be handled again').waitFor();
    expect(await fixture.redeliveries(consumer.id)).toMatchObject([{ notification_id: id }]);
  });

  it('a consumer is paused and goes on', async () => {
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()]);
    await fixture.start([consumer], { once: true }).ended;
    const admin = await startAdmin({ db: fixture.database.db });
    const page = await browser.open(`${admin.origin}/consumers/${consumer.id}`);
    await tabTo(page, 'Pause');
    await page.keyboard.press('Enter');
    await page.getByText(`${consumer.id} is paused`).waitFor();
    await tabTo(page, 'Resume');
    await page.keyboard.press('Enter');
    await page.getByText(`${consumer.id} goes on`).waitFor();
  });
});
