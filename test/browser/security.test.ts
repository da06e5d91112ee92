import { createServer } from 'node:http';
import type { Page } from 'playwright-core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type AdminClient, startAdmin } from '../support/admin-client.ts';
import { BrowserFixture, untilLive } from '../support/browser.ts';
import { DeliveryFixture } from '../support/delivery-fixture.ts';
import { startPathProxy } from '../support/path-proxy.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';

const fixture = new DeliveryFixture();
const browser = new BrowserFixture();

const READ_ONLY_TOKEN = 'readonly-token-0123456789';

/** A consumer to try to pause, with a dead letter of that error. */
async function consumer(id = fixture.name(), error = 'broken') {
  const { consumer } = recordingConsumer(id, [fixture.name()], {
    handle: () => {
      throw new Error(error);
    },
    retry: { maxAttempts: 1 },
  });
  await fixture.start([consumer], { once: true }).ended;
  return consumer.id;
}

function start(options = {}): Promise<AdminClient> {
  return startAdmin({ db: fixture.database.db, ...options });
}

async function isPaused(id: string): Promise<boolean> {
  const { rows } = await fixture.database.query<{ paused: boolean }>(
    'select paused_at is not null as paused from pgwatch.consumer where name = $1',
    [id],
  );
  return rows[0]?.paused === true;
}

describe('what somebody else wrote', () => {
  const RUN = 'window.hasRun = true; alert(1)';
  const HOSTILE = `<script>${RUN}</script><img src=x onerror="${RUN}"></script></textarea><svg onload='${RUN}'>\u202e\u0007\u2028javascript:alert(1)`;
  /** As the pages write it. */
  const SHOWN = HOSTILE.replace('\u202e\u0007\u2028', '\\u202e\\u0007\\u2028');

  it('runs nowhere, and is shown as text', async () => {
    const channel = fixture.name();
    const change = {
      table: HOSTILE,
      action: HOSTILE,
      id: HOSTILE,
      old_data: { [HOSTILE]: 'before' },
      new_data: { [HOSTILE]: HOSTILE },
      metadata: { [HOSTILE]: HOSTILE },
    };
    const id = await fixture.notify(change, HOSTILE);
    const other = await fixture.notify(HOSTILE, HOSTILE, '<img src=x onerror=alert(1)>\u202e');
    const name = await consumer(HOSTILE.replaceAll(/\p{C}|\u2028/gu, ''), HOSTILE);
    const admin = await start();
    const inPath = encodeURIComponent(name);
    const query = (fields: Readonly<Record<string, string>>) => new URLSearchParams(fields);
    const page = await browser.open(admin.origin);
    for (const path of [
      '/',
      '/consumers',
      `/consumers/${inPath}`,
      `/consumers/${inPath}/replay?count=1`,
      `/consumers/${inPath}/forget`,
      '/dead-letters',
      `/dead-letters?${query({ consumer: name })}`,
      `/dead-letters/review?${query({ consumer: name, do: 'discard all' })}`,
      '/notifications',
      `/notifications?${query({ channel, key: HOSTILE, record: HOSTILE })}`,
      `/notifications?${query({ where: `${HOSTILE}=${HOSTILE}`, consumer: name, state: 'dead' })}`,
      `/notifications?${query({ since: HOSTILE })}`,
      `/notifications/${id}`,
      `/notifications/${id}/timeline`,
      `/notifications/${other}`,
      '/statistics',
      `/send?${query({ channel: HOSTILE, payload: HOSTILE })}`,
      '/cleanup?days=0',
    ]) {
      await page.goto(`${admin.origin}${path}`);
      expect([path, await foreignParts(page)]).toEqual([path, []]);
    }
    await page.goto(`${admin.origin}/notifications/${id}`);
    await page.locator('.diff tr.changed, .diff tr.added').first().waitFor();
    expect(await page.locator('.diff').first().textContent()).toContain(
      JSON.stringify(SHOWN).slice(1, 60),
    );
    await page.locator('#timeline li[aria-current]').waitFor();
    expect(await foreignParts(page)).toEqual([]);
  });

  it('runs nowhere when it comes into an open page', async () => {
    const admin = await start();
    const page = await browser.open(`${admin.origin}/notifications?channel=${fixture.name()}`);
    await untilLive(page);
    const id = await fixture.notify({ table: HOSTILE, action: HOSTILE, id: 1 }, HOSTILE);
    await page.getByRole('link', { name: String(id), exact: true }).waitFor();
    expect(await foreignParts(page)).toEqual([]);
    expect(await page.locator('main').textContent()).toContain('<img src=x onerror=');
  });

  /** Elements that no page of ours has, characters that should not be seen, and what has run. */
  function foreignParts(page: Page): Promise<unknown> {
    return page.evaluate(`[
      ...[...document.querySelectorAll('script:not([src]), img, main svg, [onerror], [onload]')]
        .map((element) => element.outerHTML),
      ...[...document.querySelectorAll('a')].map(({ href }) => href).filter((href) => !/^http/.test(href)),
      ...document.body.innerText.match(/[\\u202e\\u0007\\u2028]/g) ?? [],
      ...(window.hasRun ? ['something has run'] : []),
    ]`);
  }
});

describe('who may not write', () => {
  it('has no buttons with a read-only role, and is refused without them', async () => {
    await fixture.notify();
    const id = await consumer();
    const admin = await start({ env: { PGWATCH_ADMIN_READONLY_TOKEN: READ_ONLY_TOKEN } });
    const page = await browser.open(admin.origin, { expectsRefusals: true });
    await page.getByLabel('Password or token').fill(READ_ONLY_TOKEN);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('read-only').waitFor();
    for (const path of [`/consumers/${id}`, `/dead-letters?consumer=${id}`, '/notifications']) {
      await page.goto(`${admin.origin}${path}`);
      expect([path, await page.locator('main form[method="post"]').count()]).toEqual([path, 0]);
      expect([path, await page.locator('[data-select]').count()]).toEqual([path, 0]);
    }
    for (const path of [
      `/consumers/${id}/pause`,
      `/consumers/${id}/replay`,
      `/consumers/${id}/forget`,
      `/dead-letters/discard?consumer=${id}`,
      '/send',
      '/cleanup',
    ]) {
      const status = await page.evaluate(`fetch(${JSON.stringify(path)}, {
        method: 'POST',
        body: new URLSearchParams({
          token: document.querySelector('input[name="token"]').value,
          consumer: ${JSON.stringify(id)}, channel: 'c', payload: '{}', days: '0', dead: '1',
        }),
      }).then(({ status }) => status)`);
      expect([path, status]).toEqual([path, 403]);
    }
    expect(await isPaused(id)).toBe(false);
    expect(await fixture.redeliveries(id)).toMatchObject([{ state: 'dead' }]);
  });

  it('is a form without its token', async () => {
    const admin = await start();
    const page = await browser.open(`${admin.origin}/send`, { expectsRefusals: true });
    await page.getByLabel('Channel').fill(fixture.name());
    await page.locator('main [name="token"]').evaluate((field) => field.remove());
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByText('no longer current').waitFor();
    const { rowCount } = await fixture.database.query(
      'select from pgwatch.notification_log where channel = $1',
      [fixture.name()],
    );
    expect(rowCount).toBe(0);
  });

  it('is a page of another site, even if it knew the token', async () => {
    const id = await consumer();
    const admin = await start();
    const token = await admin.formToken(`/consumers/${id}`);
    const evil = createServer((_, answer) => {
      answer.setHeader('content-type', 'text/html');
      answer.end(`<form method="post" action="${admin.origin}/consumers/${id}/pause">
        <input name="token" value="${token}" /><button>Win a prize</button></form>`);
    });
    await new Promise<void>((resolve) => evil.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void evil.close());
    const address = evil.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    for (const host of ['localhost', '127.0.0.1']) {
      const page = await browser.open(`http://${host}:${port}/`, { expectsRefusals: true });
      await page.getByRole('button').click();
      await page.getByText('The request comes from another site').waitFor();
      expect(await isPaused(id)).toBe(false);
    }
  });
});

describe('under a path', () => {
  it('everything works through a proxy that takes it off', async () => {
    const id = await consumer();
    const config = {
      admin: {
        host: '127.0.0.1',
        port: 0,
        prefix: '/tools/pgwatch',
        trustForwardedPrefix: false,
        trustForwardedFor: false,
        allowedHosts: [],
      },
    };
    const admin = await start({ config });
    const url = await startPathProxy(admin.origin, '/tools/pgwatch');
    const page = await browser.open(url);
    const links = page.getByRole('navigation', { name: 'Pages' }).getByRole('link');
    for (const title of await links.allTextContents()) {
      await links.getByText(title, { exact: true }).click();
      await page.locator('nav a[aria-current="page"]', { hasText: title }).waitFor();
      expect(page.url().startsWith(url)).toBe(true);
    }
    await page.goto(`${url}/consumers`);
    await untilLive(page);
    expect(await page.locator('.spark canvas').count()).toBeGreaterThan(0);
    await page.getByRole('link', { name: id, exact: true }).first().click();
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByText(`${id} is paused`).waitFor();
    expect(page.url()).toBe(`${url}/consumers/${id}`);
    expect(await isPaused(id)).toBe(true);
  });
});
