import { describe, expect, it } from 'vitest';
import { type AdminClient, startAdmin } from '../support/admin-client.ts';
import { press, textOf } from '../support/admin-page.ts';
import { DeliveryFixture } from '../support/delivery-fixture.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';

const fixture = new DeliveryFixture();

function start() {
  return startAdmin({ db: fixture.database.db });
}

async function write(rows: number, ago: string, channel = fixture.name()) {
  await fixture.database.query(
    `insert into pgwatch.notification_log (channel, payload, created_at)
     select $2, '{}', clock_timestamp() - $3::interval from generate_series(1, $1::int)`,
    [rows, channel, ago],
  );
}

async function count() {
  const { rows } = await fixture.database.query<{ count: number }>(
    'select count(*)::int as count from pgwatch.notification_log',
  );
  return rows[0]?.count;
}

describe('a test notification', () => {
  async function send(admin: AdminClient, fields: Readonly<Record<string, string>>) {
    const token = await admin.formToken('/send');
    return admin.post('/send', {
      token,
      channel: fixture.name(),
      key: '',
      payload: '{}',
      ...fields,
    });
  }

  it('is written as it was typed, and shown', async () => {
    const admin = await start();
    const { status, headers } = await send(admin, {
      payload: '{"n": 12345678901234567890}',
      key: 'k',
    });
    expect(status).toBe(303);
    const text = textOf((await admin.get(headers.location ?? '')).body);
    expect(text).toContain(`Sent on ${fixture.name()}. No known consumer listens on this channel.`);
    expect(text).toContain('12345678901234567890');
    const { rows } = await fixture.database.query(
      'select payload::text, key from pgwatch.notification_log where channel = $1',
      [fixture.name()],
    );
    expect(rows).toEqual([{ payload: '{"n": 12345678901234567890}', key: 'k' }]);
    expect(admin.lines).toContainEqual(
      expect.objectContaining({ action: 'send', who: 'local', channel: fixture.name() }),
    );
  });

  it.each([
    [{ payload: '{"n": ' }, 'The payload is no JSON'],
    [{ payload: '{"n": "\\u0000"}' }, 'PostgreSQL stores neither'],
    [{ channel: '' }, 'A channel has an empty name'],
  ])('that cannot be sent stays in the form: %j', async (fields, problem) => {
    const { status, body } = await send(await start(), { key: 'kept key', ...fields });
    expect(status).toBe(400);
    expect(textOf(body)).toContain(problem);
    expect(body).toContain('kept key');
  });

  it('needs the token of a form of ours', async () => {
    const admin = await start();
    const before = await count();
    expect((await admin.post('/send', { channel: 'c', payload: '{}' })).status).toBe(403);
    expect(await count()).toBe(before);
  });
});

describe('clean-up', () => {
  it('is counted first, by channel and with what is kept and for whom; then it deletes', async () => {
    await fixture.database.query('truncate pgwatch.notification_log');
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()]);
    await write(3, '10 days');
    await fixture.start([consumer], { once: true }).ended;
    await write(2, '9 days');
    await write(1, '1 day');
    await write(4, '20 days', 'nobodys');
    const admin = await start();
    const preview = textOf((await admin.get('/cleanup?days=7')).body);
    expect(preview).toContain('7 notifications written before');
    expect(preview).toContain('nobodys 4');
    expect(preview).toContain('Kept: 2');
    expect(preview).toContain(`${consumer.id} unhandled 2`);
    expect(await count()).toBe(10);
    const { body } = await press(admin, '/cleanup?days=7', 'Delete 7 notifications');
    expect(textOf(body)).toContain('The clean-up has begun.');
    await expect
      .poll(async () => textOf((await admin.get('/cleanup')).body))
      .toContain('The last one 7 notifications older than 7 days deleted, 2 kept');
    expect(await count()).toBe(3);
    expect(admin.lines).toContainEqual(expect.objectContaining({ action: 'cleanup', days: 7 }));
    await press(admin, '/cleanup?days=7&unprocessed=1', 'Delete 2 notifications');
    await expect.poll(count).toBe(1);
  });

  it('can be stopped, and one runs at a time', async () => {
    await fixture.database.query('truncate pgwatch.notification_log');
    await write(4_000, '10 days');
    const admin = await start();
    const blocker = await fixture.database.connect();
    await blocker.query('begin');
    await blocker.query(
      'select from pgwatch.notification_log where id = (select min(id) from pgwatch.notification_log) for update',
    );
    const running = await press(admin, '/cleanup?days=7', 'Delete 4,000 notifications');
    expect(textOf(running.body)).toContain('Running');
    const token = await admin.formToken('/cleanup');
    const second = await admin.post('/cleanup', { token, days: '1' });
    expect(textOf((await admin.get(second.headers.location ?? '')).body)).toContain(
      'A clean-up is running already.',
    );
    await press(admin, '/cleanup', 'Stop');
    await blocker.query('rollback');
    await blocker.end();
    await expect
      .poll(async () => textOf((await admin.get('/cleanup')).body))
      .toContain('The last one was stopped');
    // It ends after the transaction that it is in.
    expect(await count()).toBe(2_000);
  });

  it('refuses what is no number of days', async () => {
    const admin = await start();
    const { status, body } = await admin.get('/cleanup?days=soon');
    expect(status).toBe(400);
    expect(textOf(body)).toContain('"soon" is no number of days.');
    const token = await admin.formToken('/send');
    expect((await admin.post('/cleanup', { token, days: '-1' })).status).toBe(400);
  });
});

describe('the statistics', () => {
  it('show totals, the last 24 hours, the channels and what is unprocessed', async () => {
    await fixture.database.query('truncate pgwatch.notification_log');
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()]);
    await write(3, '30 minutes');
    await fixture.start([consumer], { once: true }).ended;
    await write(2, '10 minutes');
    const text = textOf((await (await start()).get('/statistics')).body);
    expect(text).toContain('Written 5 in 24 hours');
    expect(text).toContain('Handled 3 of these');
    expect(text).toContain('Unprocessed 2');
    expect(text).toContain(`${fixture.name()} 5 5`);
    expect(text).toMatch(new RegExp(`${consumer.id} ■ stopped 2 pending of`));
  });

  it('tell of each hour at its end, and that what a sample tells is not exact', async () => {
    await fixture.database.query('truncate pgwatch.notification_log');
    await write(201, '5 minutes');
    const { body } = await (await start()).get('/statistics');
    expect(textOf(body)).toContain('Handled 0 of these, about');
    const chart = /data-chart="(?<chart>[^"]+)"/.exec(body)?.groups?.['chart'] ?? '';
    const { data } = JSON.parse(chart.replaceAll('&quot;', '"'));
    expect(data[1].at(-1)).toBe(201);
    // The hour in which they were written has lasted until now.
    expect(Math.abs(data[0].at(-1) - Date.now() / 1000)).toBeLessThan(600);
  });
});
