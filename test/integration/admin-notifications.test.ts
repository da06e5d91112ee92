import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { startAdmin } from '../support/admin-client.ts';
import { press, textOf } from '../support/admin-page.ts';
import { DeliveryFixture } from '../support/delivery-fixture.ts';
import { createInstalledDatabase } from '../support/installed-database.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';

const fixture = new DeliveryFixture();

function start(redact: readonly string[] = [], env = {}) {
  return startAdmin({ db: fixture.database.db, config: { redact }, env });
}

/** The ids of the notifications that a page lists, in its order. */
function listed(body: string): number[] {
  return [...body.matchAll(/<a class="name id" href="\/notifications\/(\d+)"/g)].map(([, id]) =>
    Number(id),
  );
}

function pathOf(query: Readonly<Record<string, string>>): string {
  return `/notifications?${new URLSearchParams(query)}`;
}

function change(id: unknown, status: string, more: object = {}) {
  const row = {
    id,
    status,
    password: 'hush hush',
    card: { number: '4111', holder: 'Ada' },
    ...more,
  };
  return {
    schema: 'public',
    table: 'orders',
    action: 'UPDATE',
    id,
    old_data: { ...row, status: 'open' },
    new_data: row,
    metadata: { user_id: '17', session_id: null, transaction_id: 4711 },
  };
}

describe('the list of notifications', () => {
  it('is searched by what the address says, and leads on page by page', async () => {
    const admin = await start();
    const ids: number[] = [];
    for (let n = 0; n < 60; n += 1) ids.unshift(await fixture.notify(change(n, `s${n}`), `k${n}`));
    const channel = fixture.name();
    const first = await admin.get(pathOf({ channel }));
    expect(listed(first.body)).toEqual(ids.slice(0, 50));
    const older = /rel="next"\s+href="(?<path>[^"]+)"/.exec(first.body)?.groups?.['path'] ?? '';
    const second = await admin.get(older.replaceAll('&amp;', '&'));
    expect(listed(second.body)).toEqual(ids.slice(50));
    const found = async (query: Readonly<Record<string, string>>) =>
      listed((await admin.get(pathOf({ channel, ...query }))).body);
    expect(await found({ record: '7' })).toEqual([ids[52]]);
    expect(await found({ key: 'k8' })).toEqual([ids[51]]);
    expect(await found({ where: 'new_data.status=s9' })).toEqual([ids[50]]);
    expect(
      await found({ table: 'orders', action: 'UPDATE', since: '1h', id: `${ids[3]}` }),
    ).toEqual([ids[3]]);
    expect(await found({ action: 'DELETE' })).toEqual([]);
    expect(await found({ until: '1h' })).toEqual([]);
    const chips = textOf((await admin.get(pathOf({ channel, record: '7' }))).body);
    expect(chips).toContain('Record id: 7 ×');
  });

  it('goes by a consumer and what it has made of them', async () => {
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()]);
    const handled = await fixture.notify();
    await fixture.start([consumer], { once: true }).ended;
    const pending = await fixture.notify();
    const admin = await start();
    const found = async (state: string) =>
      listed((await admin.get(pathOf({ consumer: consumer.id, state }))).body);
    expect(await found('handled')).toEqual([handled]);
    expect(await found('pending')).toEqual([pending]);
    expect(await found('dead')).toEqual([]);
  });

  it("counts ages by the server's clock, whatever this machine's says", async () => {
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()]);
    const id = await fixture.notify();
    await fixture.start([consumer], { once: true }).ended;
    const admin = await start();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 2 * 3_600_000 });
    onTestFinished(() => void vi.useRealTimers());
    const choice = { channel: fixture.name(), since: '1h' };
    expect(listed((await admin.get(pathOf(choice))).body)).toEqual([id]);
    const counted = new URLSearchParams({ ...choice, count: '1' });
    const { body } = await admin.get(`/consumers/${consumer.id}/replay?${counted}`);
    expect(textOf(body)).toContain('1 notification would be handled again');
  });

  it.each([
    [{ since: 'yesterday' }, 'is no time'],
    [{ state: 'dead' }, 'Choose a consumer'],
    [{ consumer: 'c', state: 'odd' }, 'is no state'],
    [{ where: 'status' }, 'is not of the form field=value'],
    [{ id: 'x' }, 'is no id'],
    [{ before: '-1' }, 'is no id'],
  ])('says what it cannot understand, and keeps the form: %j', async (query, problem) => {
    const { status, body } = await (await start()).get(pathOf(query));
    expect(status).toBe(200);
    expect(textOf(body)).toContain(problem);
    expect(body).toContain('name="where"');
  });

  it('says how far it came when there is not time for all', async () => {
    const database = await createInstalledDatabase();
    try {
      await database.query(
        `insert into pgwatch.notification_log (channel, payload)
         select 'slow', '{}' from generate_series(1, 2000)`,
      );
      await database.query(
        `with made as (
           insert into pgwatch.consumer (name, start_seen) values ('slow', '1:1:') returning id)
         insert into pgwatch.consumer_cursor (consumer_id, channels, seen)
         select id, '{slow}', '1:1:' from made`,
      );
      await database.query(
        `create or replace function pgwatch.partition_of(
           key text, notification_id bigint, partitions integer) returns integer
         language plpgsql immutable as $$ begin perform pg_sleep(0.02); return 0; end $$`,
      );
      const admin = await startAdmin({ db: database.db });
      const { status, body } = await admin.get(pathOf({ consumer: 'slow', state: 'skipped' }));
      expect(status).toBe(200);
      expect(textOf(body)).toContain('There was not time to look at everything');
      expect(body).toMatch(/before=\d+">Go on from here/);
    } finally {
      await database.drop();
    }
  });
});

describe('what somebody else wrote', () => {
  it('is shown, and does nothing', async () => {
    const hostile = '<script>alert(1)</script>"><img src=x onerror=alert(1)>\u202e\u0007';
    const id = await fixture.notify(change(hostile, hostile, { [hostile]: hostile }), hostile);
    const channel = '<b>&"\u202e';
    const other = await fixture.notify([hostile], hostile, channel);
    const admin = await start();
    const pages = await Promise.all(
      [
        pathOf({ channel: fixture.name() }),
        pathOf({ channel }),
        pathOf({ key: hostile, where: `${hostile}=${hostile}` }),
        `/notifications/${id}`,
        `/notifications/${id}/timeline`,
        `/notifications/${other}`,
        '/statistics',
        '/send?payload=</textarea><script>',
      ].map((path) => admin.get(path)),
    );
    for (const { status, body } of pages) {
      expect(status).toBe(200);
      expect(body).not.toMatch(/<script>|<img|<b>/);
      // What was typed stays in its field as it was.
      const shown = body.replaceAll(/value="[^"]*"/g, '');
      for (const character of ['\u0007', '\u202e']) expect(shown).not.toContain(character);
    }
    const detail = pages[3]?.body ?? '';
    expect(detail).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(detail).toContain('\\u202e\\u0007');
  });

  it('of 5 MB is shown cut, and with its size', async () => {
    const { rows } = await fixture.database.query<{ id: string }>(
      `select smart_notify($1, jsonb_build_object('b', jsonb_build_object('password', 'hush hush'),
         'text', repeat('x', 5000000), 'password', 'hush hush'), repeat('k', 10000)) as id`,
      [fixture.name()],
    );
    const admin = await start(['password']);
    for (const path of [`/notifications/${rows[0]?.id}`, pathOf({ channel: fixture.name() })]) {
      const { status, body } = await admin.get(path);
      expect(status).toBe(200);
      expect(body.length).toBeLessThan(50_000);
      expect(body).not.toContain('hush');
    }
    const text = textOf((await admin.get(`/notifications/${rows[0]?.id}`)).body);
    expect(text).toContain('4.8 MB as JSON');
    expect(text).toContain('only its beginning');
  });

  it('keeps every digit', async () => {
    const { rows } = await fixture.database.query<{ id: string }>(
      'select smart_notify($1, $2::jsonb) as id',
      [
        fixture.name(),
        '{"table": "t", "action": "UPDATE", "id": 9007199254740993, "old_data": {"n": 12345678901234567890}, "new_data": {"n": 12345678901234567891, "m": 1.50}}',
      ],
    );
    const admin = await start(['password']);
    const text = textOf((await admin.get(`/notifications/${rows[0]?.id}`)).body);
    for (const digits of [
      '9007199254740993',
      '12345678901234567890',
      '12345678901234567891',
      '1.50',
    ]) {
      expect(text).toContain(digits);
    }
    const found = await admin.get(pathOf({ record: '9007199254740993', channel: fixture.name() }));
    expect(listed(found.body)).toEqual([Number(rows[0]?.id)]);
  });
});

describe('what is redacted', () => {
  /** A change of a table whose primary key is a column that is redacted. */
  function changeOfUser(email: string) {
    const row = { email, password: 'hush hush', card: { number: '4111', holder: 'Ada' } };
    return { table: 'users', action: 'INSERT', id: email, old_data: null, new_data: row };
  }

  const REDACT = ['password', 'new_data.card.number', 'old_data.card.number', 'email'];

  it('is neither in the list, nor in the change, the payload or the timeline', async () => {
    const email = 'ada@example.com';
    const id = await fixture.notify(changeOfUser(email), `public.users:${email}`);
    await fixture.notify(changeOfUser(email), `public.users:${email}`);
    const admin = await start(REDACT);
    for (const path of [
      pathOf({ channel: fixture.name() }),
      `/notifications/${id}`,
      `/notifications/${id}/timeline`,
    ]) {
      const { status, body } = await admin.get(path);
      expect(status).toBe(200);
      expect(body).toContain('[redacted]');
      for (const secret of ['hush hush', '4111', email]) expect(body).not.toContain(secret);
    }
    expect((await admin.get(`/notifications/${id}`)).body).toContain('Ada');
  });

  it('is not found either, nor by a key that is made of it', async () => {
    const email = 'bob@example.com';
    const key = `public.users:${email}`;
    const id = await fixture.notify(changeOfUser(email), key);
    const plain = await fixture.notify(change(5, 'paid'), 'public.users:5');
    const admin = await start(REDACT);
    const channel = fixture.name();
    for (const where of ['new_data.password=hush hush', 'new_data.card={"number": "4111"}']) {
      const { body } = await admin.get(pathOf({ channel, where }));
      expect(textOf(body)).toContain('It cannot be searched for');
      expect(listed(body)).toEqual([]);
    }
    const found = async (query: Readonly<Record<string, string>>) =>
      listed((await admin.get(pathOf({ channel, ...query }))).body);
    expect(await found({ key })).toEqual([]);
    expect(await found({ record: email })).toEqual([]);
    expect(await found({ where: `id=${email}` })).toEqual([]);
    expect(await found({ key: 'public.users:5' })).toEqual([plain]);
    expect(await found({ where: 'new_data.card.holder=Ada' })).toEqual([plain, id]);
  });
});

describe('one notification', () => {
  it('shows the change side by side, who made it, and what became of it', async () => {
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: () => {
        throw new Error('mailbox full');
      },
      retry: { maxAttempts: 1 },
    });
    const id = await fixture.notify(change(7, 'paid'), 'public.orders:7');
    await fixture.start([consumer], { once: true }).ended;
    const { body } = await (await start()).get(`/notifications/${id}`);
    const text = textOf(body);
    expect(text).toContain('± status changed "open" "paid"');
    expect(text).toContain('1 field of 5');
    expect(text).toContain('user_id "17" transaction_id 4711');
    expect(text).toContain('✕ dead');
    expect(text).toContain('Error: mailbox full');
    expect(text).toContain(`${consumer.id} ✕ dead 1`);
  });

  it('shows what else is of its key', async () => {
    const ids: number[] = [];
    for (const status of ['a', 'b', 'c']) ids.unshift(await fixture.notify(change(7, status), 'k'));
    const other = await fixture.notify({}, 'other');
    const { body } = await (await start()).get(`/notifications/${ids[1]}/timeline`);
    expect(listed(body)).toEqual([ids[0], ids[2]]);
    expect(body).not.toContain(`/notifications/${other}`);
    expect(body).toContain(`<strong>${ids[1]}</strong>`);
  });

  it('that is not there is a page that says so', async () => {
    const { status, body } = await (await start()).get('/notifications/999999999999');
    expect(status).toBe(404);
    expect(textOf(body)).toContain('The log has no notification 999999999999');
  });
});

describe('selected notifications', () => {
  it('are counted, and then replayed for a consumer', async () => {
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()]);
    const handled = [await fixture.notify(1), await fixture.notify(2)];
    await fixture.start([consumer], { once: true }).ended;
    const pending = await fixture.notify(3);
    const admin = await start();
    const ids = [...handled, pending].map((id) => `id=${id}`).join('&');
    const review = `/notifications/replay?consumer=${consumer.id}&${ids}`;
    expect(textOf((await admin.get(review)).body)).toContain(
      '1 other of the selected is left alone',
    );
    expect(await fixture.redeliveries(consumer.id)).toEqual([]);
    const { body } = await press(admin, review, 'Replay 2 notifications');
    expect(textOf(body)).toContain('2 notifications will be handled again');
    expect(await fixture.redeliveries(consumer.id)).toMatchObject(
      handled.map((id) => ({ notification_id: id, reason: 'replay', state: 'retry' })),
    );
    const nothing = await admin.get(`/notifications/replay?consumer=${consumer.id}`);
    expect(nothing.status).toBe(400);
  });

  it('cannot be selected by those who may only look', async () => {
    await fixture.notify();
    const token = 'a-token-that-only-reads';
    const admin = await start([], { PGWATCH_ADMIN_READONLY_TOKEN: token });
    const authorization = { authorization: `Bearer ${token}` };
    const { body } = await admin.get(pathOf({ channel: fixture.name() }), authorization);
    expect(listed(body)).toHaveLength(1);
    expect(body).not.toContain('data-select');
    expect((await admin.get('/send', authorization)).body).not.toContain('<textarea');
    for (const path of ['/send', '/cleanup', '/cleanup/stop']) {
      expect((await admin.post(path, {}, authorization)).status).toBe(403);
    }
  });
});
