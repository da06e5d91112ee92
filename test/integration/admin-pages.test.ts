import { request } from 'node:http';
import { describe, expect, it, vi } from 'vitest';
import { isRecord } from '../../src/is-record.ts';
import { groupErrors, readRetryQueue } from '../../src/observe/redeliveries.ts';
import { countDiscard } from '../../src/steer/discard.ts';
import { countReplay } from '../../src/steer/replay.ts';
import { startAdmin } from '../support/admin-client.ts';
import { press, textOf } from '../support/admin-page.ts';
import { DeliveryFixture } from '../support/delivery-fixture.ts';
import { createInstalledDatabase } from '../support/installed-database.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';

const fixture = new DeliveryFixture();
const NOT_SOON = { minDelaySeconds: 3600, maxDelaySeconds: 3600 };

/** A consumer that had what its payloads say: `fail` with an error, or nothing. */
async function consumerWith(
  payloads: readonly { readonly fail?: string }[],
  retry: object = { maxAttempts: 1 },
) {
  const { consumer } = recordingConsumer(fixture.name(), [fixture.name()], {
    handle: ({ data }) => {
      if (isRecord(data) && typeof data['fail'] === 'string') throw new Error(data['fail']);
    },
    retry,
  });
  const ids: number[] = [];
  for (const payload of payloads) ids.push(await fixture.notify(payload));
  await fixture.start([consumer], { once: true }).ended;
  return { id: consumer.id, ids, consumer };
}

function start(config = {}) {
  return startAdmin({ db: fixture.database.db, config });
}

describe('the overview', () => {
  it('names problems first, and what helps', async () => {
    const { id } = await consumerWith([{ fail: 'broken' }, {}]);
    const text = textOf((await (await start()).get('/')).body);
    expect(text).toContain(`${id} has 1 dead letter`);
    expect(text.indexOf('problem')).toBeLessThan(text.indexOf('Activity'));
    expect(text).toContain('■ stopped');
  });

  it('says what to do when there is nothing yet', async () => {
    const database = await createInstalledDatabase();
    try {
      const admin = await startAdmin({ db: database.db });
      const text = textOf((await admin.get('/')).body);
      expect(text).toContain('No consumer has run on this database yet.');
      expect(text).toContain('The log is empty.');
      expect(textOf((await admin.get('/dead-letters')).body)).toContain(
        'There are no dead letters',
      );
    } finally {
      await database.drop();
    }
  });
});

describe('a consumer', () => {
  it('shows cursor, lease, retry queue and errors, those alike as one', async () => {
    const { id, ids } = await consumerWith(
      [{ fail: 'row 1 is locked' }, { fail: 'row 22 is locked' }, { fail: 'other' }],
      NOT_SOON,
    );
    const text = textOf((await (await start()).get(`/consumers/${id}`)).body);
    expect(text).toContain('level with snapshot');
    expect(text).toContain('nobody');
    expect(text).toMatch(/Error: row # is locked ↻ retrying 2 /);
    for (const number of ids) expect(text).toContain(` ${number} in `);
  });

  it('is paused and goes on', async () => {
    const { id } = await consumerWith([{}]);
    const admin = await start();
    const paused = textOf((await press(admin, `/consumers/${id}`, 'Pause')).body);
    expect(paused).toContain(`${id} is paused`);
    expect(paused).toContain('‖ paused');
    const resumed = textOf((await press(admin, `/consumers/${id}`, 'Resume')).body);
    expect(resumed).toContain(`${id} goes on where it was.`);
  });

  it('counts before it replays what was chosen', async () => {
    const { id, consumer } = await consumerWith([{}, {}, { fail: 'broken' }]);
    const admin = await start();
    const page = `/consumers/${id}/replay?state=handled&count=1`;
    expect(textOf((await admin.get(page)).body)).toContain(
      '2 notifications would be handled again',
    );
    expect(await fixture.redeliveries(id)).toHaveLength(1);
    const text = textOf((await press(admin, page, 'Replay 2 notifications')).body);
    expect(text).toContain(`2 notifications will be handled again by ${id}.`);
    expect(await fixture.redeliveries(id)).toHaveLength(3);
    await fixture.start([consumer], { once: true }).ended;
    expect(await fixture.redeliveries(id)).toHaveLength(1);
  });

  it('is forgotten after saying what goes with it', async () => {
    const { id } = await consumerWith([{ fail: 'broken' }]);
    const admin = await start();
    const page = `/consumers/${id}/forget`;
    expect(textOf((await admin.get(page)).body)).toContain('1 dead letter');
    expect(textOf((await press(admin, page, `Forget ${id}`)).body)).toContain(
      `${id} is forgotten.`,
    );
    expect((await admin.get(`/consumers/${id}`)).status).toBe(404);
  });

  it('that runs is not forgotten, and the page says by whom it is run', async () => {
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()]);
    await fixture.startLive([consumer]);
    const admin = await start();
    const token = await admin.formToken(`/consumers/${consumer.id}`);
    const answer = await admin.post(`/consumers/${consumer.id}/forget`, { token });
    expect(answer.status).toBe(409);
    expect(textOf(answer.body)).toContain(`The consumer "${consumer.id}" is run by process`);
  });

  it('with an unknown name is a page that suggests one', async () => {
    const { id } = await consumerWith([{}]);
    const { status, body } = await (await start()).get(`/consumers/${id}x`);
    expect(status).toBe(404);
    expect(textOf(body)).toContain(`Did you mean "${id}"?`);
  });

  it('whose name needs it is found under its encoded path', async () => {
    const name = `${fixture.name()} a/b?c&"d"`;
    const { consumer } = recordingConsumer(name, [fixture.name()]);
    await fixture.start([consumer], { once: true }).ended;
    const admin = await start();
    const { status, body } = await admin.get(`/consumers/${encodeURIComponent(name)}`);
    expect(status).toBe(200);
    expect(body).toContain(`/consumers/${encodeURIComponent(name)}/pause`);
  });
});

describe('dead letters', () => {
  const THREE = [{ fail: 'row 1 is locked' }, { fail: 'row 2 is locked' }, { fail: 'other' }];

  it('are shown by consumer and error', async () => {
    const { id } = await consumerWith(THREE);
    const admin = await start();
    const text = textOf((await admin.get(`/dead-letters?consumer=${id}`)).body);
    expect(text).toMatch(new RegExp(`Error: row # is locked ${id} 2 `));
    expect(text).toMatch(new RegExp(`Error: other ${id} 1 `));
    const error = encodeURIComponent('Error: row # is locked');
    const some = textOf((await admin.get(`/dead-letters?consumer=${id}&error=${error}`)).body);
    expect(some).toContain('Error: row 2 is locked');
    expect(some.split('newest first').at(-1)).not.toContain('Error: other');
  });

  it.each([
    ['one error', 'do=replay+all&error=Error%3A+row+%23+is+locked', 'Replay 2 dead letters', 2],
    ['all', 'do=replay+all', 'Replay 3 dead letters', 3],
  ])('of %s are replayed, with their number shown before', async (_, query, button, number) => {
    const { id } = await consumerWith(THREE);
    const admin = await start();
    const page = `/dead-letters/review?consumer=${id}&${query}`;
    const text = textOf((await press(admin, page, button)).body);
    expect(text).toContain(`${number} dead letters will be handled again.`);
    const errorGroup = new URLSearchParams(query).get('error') ?? undefined;
    const line = admin.lines.find(({ action }) => action === 'replay');
    expect([line?.['consumer'], line?.['errorGroup']]).toEqual([id, errorGroup]);
    const left = (await fixture.redeliveries(id)).filter(({ state }) => state === 'dead');
    expect(left).toHaveLength(3 - number);
  });

  it('that are selected are discarded, and no others', async () => {
    const { id, ids } = await consumerWith(THREE);
    const admin = await start();
    const page = `/dead-letters/review?consumer=${id}&do=discard+selected&id=${ids[0]}&id=${ids[2]}`;
    const text = textOf((await press(admin, page, 'Discard 2 dead letters')).body);
    expect(text).toContain('2 dead letters given up.');
    expect((await fixture.redeliveries(id)).map((row) => row.notification_id)).toEqual([ids[1]]);
    expect(admin.lines).toContainEqual(
      expect.objectContaining({ action: 'discard', consumer: id, who: 'local' }),
    );
  });

  it('of which none is selected are all left alone', async () => {
    const { id } = await consumerWith(THREE);
    const { body } = await (await start()).get(
      `/dead-letters/review?consumer=${id}&do=discard+selected`,
    );
    expect(textOf(body)).toContain('Nothing is selected.');
    expect(body).not.toContain('/dead-letters/discard"');
  });

  it.each([
    ['/dead-letters/discard', 'id'],
    ['/dead-letters/replay', 'error'],
    ['/consumers/:id/replay', 'where'],
  ])('%s: of which an empty "%s" would choose all, are left alone', async (path, field) => {
    const { id } = await consumerWith(THREE);
    const admin = await start();
    const token = await admin.formToken(`/consumers/${id}`);
    const fields = { token, consumer: id, [field]: '' };
    const { status, body } = await admin.post(path.replace(':id', id), fields);
    expect(status).toBe(400);
    expect(textOf(body)).toContain(`The field "${field}" is empty.`);
    const states = (await fixture.redeliveries(id)).map(({ state }) => state);
    expect(states).toEqual(['dead', 'dead', 'dead']);
  });

  it('are counted by error as they are replayed and discarded by it', async () => {
    const { id } = await consumerWith(THREE);
    const { db } = fixture.database;
    const groups = await groupErrors(db.pool, db.names, id);
    expect(groups.map(({ error, count }) => [error, count])).toEqual([
      ['Error: row # is locked', 2],
      ['Error: other', 1],
    ]);
    for (const { error, count } of groups) {
      const request = { consumer: id, filter: {}, states: ['dead'] as const, error };
      expect(await countReplay(db, request)).toBe(count);
      expect(await countDiscard(db, request)).toBe(count);
    }
    expect(await readRetryQueue(db.pool, db.names, id, 10)).toEqual([]);
  });
});

describe('what `redact` names', () => {
  it('cannot be found out by choosing with it', async () => {
    const { id } = await consumerWith([{}]);
    const admin = await start({ redact: ['password'] });
    const where = encodeURIComponent('new_data.password=guess');
    const { status, body } = await admin.get(`/consumers/${id}/replay?count=1&where=${where}`);
    expect(status).toBe(400);
    expect(textOf(body)).toContain('It cannot be searched for new_data.password.');
  });

  it('is not shown as a key either, among dead letters or retries', async () => {
    const email = 'ada@example.com';
    const data = { table: 'users', action: 'INSERT', id: email, new_data: { email }, fail: 'no' };
    const key = `public.users:${email}`;
    const admin = await start({ redact: ['email'] });
    const dead = await consumerWith([]);
    await fixture.notify(data, key);
    await fixture.start([dead.consumer], { once: true }).ended;
    const list = `/dead-letters?consumer=${dead.id}`;
    const shown = (await admin.get(list)).body;
    expect(textOf(shown)).toContain('key [redacted]');
    expect(shown).not.toContain(email);
    expect((await admin.get(`${list}&key=${encodeURIComponent(key)}`)).body).toContain(
      'Nothing matches.',
    );

    const retrying = await consumerWith([], NOT_SOON);
    await fixture.notify(data, key);
    await fixture.notify(data, key);
    await fixture.start([retrying.consumer], { once: true }).ended;
    const { body } = await admin.get(`/consumers/${retrying.id}`);
    expect(textOf(body)).toContain('behind its key [redacted]');
    expect(body).not.toContain(email);
  });
});

describe('an open page', () => {
  it('is told when there is something new, and let go when the server ends', async () => {
    const admin = await start();
    await new Promise<void>((resolve, reject) => {
      const stream = request(`${admin.origin}/events`, { agent: false }, (response) => {
        response.on('data', (chunk: Buffer) => {
          if (!chunk.toString().includes('event: change')) return;
          stream.destroy();
          resolve();
        });
      });
      stream.on('error', reject);
      stream.end();
    });
  });
});

it('tells ages by the clock of the server, whatever this machine’s says', async () => {
  const soonAgain = { maxAttempts: 2, minDelaySeconds: 3600, maxDelaySeconds: 3600 };
  const { id, ids } = await consumerWith([{ fail: 'broken' }]);
  const retrying = await consumerWith([{ fail: 'broken' }], soonAgain);
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 1_000 * 86_400_000 });
  try {
    const admin = await start();
    for (const path of [
      '/',
      '/consumers',
      `/consumers/${id}`,
      `/consumers/${retrying.id}`,
      `/dead-letters?consumer=${id}`,
      `/notifications?channel=${fixture.name()}`,
      `/notifications/${ids[0]}`,
      `/notifications/${ids[0]}/timeline`,
      '/statistics',
    ]) {
      const { body } = await admin.get(path);
      const told = [...body.matchAll(/<time datetime[^>]*>([^<]*)</g)].map(([, text]) => text);
      expect(told.length, path).toBeGreaterThan(0);
      expect(
        told.filter((text) => /\d{3,}d/.test(text ?? '')),
        path,
      ).toEqual([]);
    }
    const { body } = await admin.get('/');
    expect(body).toMatch(/data-chart="[^"]*&quot;data&quot;:\[\[\d/);
  } finally {
    vi.useRealTimers();
  }
});
