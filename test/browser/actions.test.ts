import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { isRecord } from '../../src/is-record.ts';
import { startAdmin } from '../support/admin-client.ts';
import { BrowserFixture, type PageOptions } from '../support/browser.ts';
import { DeliveryFixture } from '../support/delivery-fixture.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';

const fixture = new DeliveryFixture();
const browser = new BrowserFixture();

/** A consumer that had what its payloads say: `fail` with an error, or nothing. */
async function consumerWith(...payloads: readonly { readonly fail?: string }[]) {
  const { consumer } = recordingConsumer(fixture.name(), [fixture.name()], {
    handle: ({ data }) => {
      if (isRecord(data) && typeof data['fail'] === 'string') throw new Error(data['fail']);
    },
    retry: { maxAttempts: 1 },
  });
  const ids: number[] = [];
  for (const payload of payloads) ids.push(await fixture.notify(payload));
  await fixture.start([consumer], { once: true }).ended;
  return { id: consumer.id, ids, consumer };
}

const PHONE: PageOptions = { viewport: { width: 390, height: 844 } };

async function open(path: string, options: PageOptions = {}): Promise<Page> {
  const admin = await startAdmin({ db: fixture.database.db });
  return browser.open(`${admin.origin}${path}`, options);
}

function press(page: Page, name: string): Promise<void> {
  return page.getByRole('button', { name, exact: true }).click();
}

function follow(page: Page, name: string): Promise<void> {
  return page.getByRole('link', { name, exact: true }).first().click();
}

function shows(page: Page, text: string): Promise<void> {
  return page.locator('main').getByText(text).first().waitFor();
}

async function isPaused(id: string): Promise<boolean> {
  const { rows } = await fixture.database.query<{ paused: boolean }>(
    'select paused_at is not null as paused from pgwatch.consumer where name = $1',
    [id],
  );
  return rows[0]?.paused === true;
}

describe('a consumer', () => {
  it('is paused and goes on', async () => {
    const { id } = await consumerWith({});
    const page = await open('/consumers');
    await follow(page, id);
    await press(page, 'Pause');
    await shows(page, `${id} is paused`);
    expect(await isPaused(id)).toBe(true);
    await page.reload();
    expect(await page.getByText(`${id} is paused`).count()).toBe(0);
    await press(page, 'Resume');
    await shows(page, `${id} goes on where it was.`);
    expect(await isPaused(id)).toBe(false);
  });

  it('replays what was counted before', async () => {
    const { id } = await consumerWith({}, {}, { fail: 'broken' });
    const page = await open(`/consumers/${id}`);
    await follow(page, 'Replay…');
    await page.getByLabel('dead').uncheck();
    await page.getByLabel('skipped').uncheck();
    await press(page, 'Count them');
    await shows(page, '2 notifications');
    expect(await fixture.redeliveries(id)).toHaveLength(1);
    await press(page, 'Replay 2 notifications');
    await shows(page, `2 notifications will be handled again by ${id}.`);
    expect(await fixture.redeliveries(id)).toHaveLength(3);
  });

  it('is forgotten after saying what goes with it', async () => {
    const { id } = await consumerWith({ fail: 'broken' }, { fail: 'broken' });
    const page = await open(`/consumers/${id}`);
    await follow(page, 'Forget…');
    await shows(page, '2 dead letters');
    await press(page, `Forget ${id}`);
    await shows(page, `${id} is forgotten.`);
    const { rowCount } = await fixture.database.query(
      'select from pgwatch.consumer where name = $1',
      [id],
    );
    expect(rowCount).toBe(0);
  });
});

describe('dead letters', () => {
  it('of one error are replayed, their number shown before', async () => {
    const { id } = await consumerWith({ fail: 'row 1' }, { fail: 'row 2' }, { fail: 'other' });
    const page = await open('/dead-letters');
    await page
      .getByRole('row')
      .filter({ has: page.getByRole('link', { name: id, exact: true }) })
      .getByRole('link', { name: 'Error: row #' })
      .click();
    await press(page, 'Replay all that match…');
    await page.getByRole('heading', { name: 'Replay 2 dead letters?' }).waitFor();
    expect((await fixture.redeliveries(id)).every(({ state }) => state === 'dead')).toBe(true);
    await press(page, 'Replay 2 dead letters');
    await shows(page, '2 dead letters will be handled again.');
    const left = (await fixture.redeliveries(id)).filter(({ state }) => state === 'dead');
    expect(left).toMatchObject([{ last_error: expect.stringContaining('other') }]);
  });

  it('that are selected are discarded, and no others', async () => {
    const { id, ids } = await consumerWith({ fail: 'a' }, { fail: 'b' }, { fail: 'c' });
    const page = await open(`/dead-letters?consumer=${id}`);
    await page.getByLabel(`Select notification ${ids[0]}`).check();
    await page.getByLabel(`Select notification ${ids[2]}`).check();
    await press(page, 'Discard selected 2');
    await page.getByRole('heading', { name: 'Discard 2 dead letters?' }).waitFor();
    expect(await fixture.redeliveries(id)).toHaveLength(3);
    await press(page, 'Discard 2 dead letters');
    await shows(page, '2 dead letters given up.');
    expect((await fixture.redeliveries(id)).map((row) => row.notification_id)).toEqual([ids[1]]);
  });

  it('that are selected are replayed, all together on a phone', async () => {
    const { id, ids } = await consumerWith({ fail: 'a' }, { fail: 'b' });
    const page = await open(`/dead-letters?consumer=${id}`, PHONE);
    await page.getByLabel('Select all', { exact: true }).check();
    await press(page, 'Replay selected 2');
    await press(page, 'Replay 2 dead letters');
    await shows(page, '2 dead letters will be handled again.');
    expect(await fixture.redeliveries(id)).toMatchObject(
      ids.map((of) => ({ notification_id: of, state: 'retry' })),
    );
  });

  it('that match are all discarded', async () => {
    const { id } = await consumerWith({ fail: 'row 1' }, { fail: 'row 2' }, { fail: 'other' });
    const page = await open(`/dead-letters?consumer=${id}&error=Error%3A+row+%23`);
    await press(page, 'Discard all that match…');
    await press(page, 'Discard 2 dead letters');
    await shows(page, '2 dead letters given up.');
    expect(await fixture.redeliveries(id)).toHaveLength(1);
  });

  it('are replayed and discarded one by one, also from the page of the notification', async () => {
    const { id, ids } = await consumerWith({ fail: 'a' }, { fail: 'b' });
    const page = await open(`/dead-letters?consumer=${id}`);
    await page.getByRole('link', { name: `Discard ${ids[1]} for ${id}` }).click();
    await press(page, 'Discard 1 dead letter');
    await shows(page, '1 dead letter given up.');
    await follow(page, `${ids[0]}`);
    await page.getByRole('link', { name: `Replay ${ids[0]} for ${id}` }).click();
    await press(page, 'Replay 1 dead letter');
    await shows(page, '1 dead letter will be handled again.');
    expect(await fixture.redeliveries(id)).toMatchObject([
      { notification_id: ids[0], state: 'retry' },
    ]);
  });
});

describe('notifications', () => {
  it('are searched, and those that are selected replayed', async () => {
    const { id, ids } = await consumerWith({}, {}, {});
    const page = await open('/notifications');
    await page.getByLabel('Channel').fill(fixture.name());
    await press(page, 'Search');
    await page.getByLabel(`Select notification ${ids[1]}`).check();
    await page.getByLabel('for the consumer').selectOption(id);
    await press(page, 'Replay selected 1');
    await page.getByRole('heading', { name: 'Replay 1 notification?' }).waitFor();
    expect(await fixture.redeliveries(id)).toEqual([]);
    await press(page, 'Replay 1 notification');
    await shows(page, '1 notification will be handled again');
    expect(await fixture.redeliveries(id)).toMatchObject([{ notification_id: ids[1] }]);
  });

  it('are sent as they were typed, and mistakes can be corrected', async () => {
    const page = await open('/send', { expectsRefusals: true });
    await page.getByLabel('Channel').fill(fixture.name());
    await page.getByLabel('Payload, as JSON').fill('{"n": ');
    await press(page, 'Send');
    await shows(page, 'The payload is no JSON');
    await page.getByLabel('Payload, as JSON').fill('{"n": 12345678901234567890}');
    await press(page, 'Send');
    await shows(page, `Sent on ${fixture.name()}.`);
    const { rows } = await fixture.database.query(
      'select payload::text from pgwatch.notification_log where channel = $1',
      [fixture.name()],
    );
    expect(rows).toEqual([{ payload: '{"n": 12345678901234567890}' }]);
  });

  it('are cleaned up after a preview, and the page shows the end of it by itself', async () => {
    const channel = fixture.name();
    await fixture.database.query(
      `insert into pgwatch.notification_log (channel, payload, created_at)
       select $1, '{}', now() - interval '10 days' from generate_series(1, 7)`,
      [channel],
    );
    const page = await open('/cleanup');
    await page.getByLabel('Days to keep').fill('9');
    await press(page, 'Preview');
    await shows(page, '7 notifications written before');
    await press(page, 'Delete 7 notifications');
    await shows(page, 'The clean-up has begun.');
    await page.getByRole('heading', { name: 'The last one' }).waitFor();
    const { rowCount } = await fixture.database.query(
      'select from pgwatch.notification_log where channel = $1',
      [channel],
    );
    expect(rowCount).toBe(0);
  });

  it('are cleaned up until somebody stops it, and what was not deleted stays', async () => {
    const channel = fixture.name();
    await fixture.database.query('truncate pgwatch.notification_log');
    const { rows } = await fixture.database.query<{ id: string }>(
      `insert into pgwatch.notification_log (channel, payload, created_at)
       select $1, '{}', now() - interval '10 days' from generate_series(1, 7000)
       returning id`,
      [channel],
    );
    const ids = rows.map(({ id }) => Number(id)).toSorted((a, b) => a - b);
    // It deletes two thousand in a transaction; the second one waits.
    const blocker = await fixture.database.connect();
    await blocker.query('begin');
    await blocker.query('select from pgwatch.notification_log where id = $1 for update', [
      ids[2_999],
    ]);
    const page = await open('/cleanup?days=9');
    await press(page, 'Delete 7,000 notifications');
    await page.getByRole('heading', { name: 'Running' }).waitFor();
    await shows(page, '2,000 notifications older than 9 days deleted');
    await press(page, 'Stop');
    await shows(page, 'The clean-up stops.');
    await page.getByRole('heading', { name: 'Running' }).waitFor();
    await blocker.query('rollback');
    await blocker.end();
    // By itself, and after the transaction that it was in.
    await page.getByRole('heading', { name: 'The last one was stopped' }).waitFor();
    await shows(page, '4,000 notifications older than 9 days deleted');
    expect(await page.getByRole('button', { name: 'Stop', exact: true }).count()).toBe(0);
    await page.getByRole('button', { name: 'Preview' }).waitFor();
    const { rows: left } = await fixture.database.query<{ id: string }>(
      'select id from pgwatch.notification_log where channel = $1 order by id',
      [channel],
    );
    expect(left.map(({ id }) => Number(id))).toEqual(ids.slice(4_000));
  });
});
