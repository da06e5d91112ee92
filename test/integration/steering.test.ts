import { describe, expect, it } from 'vitest';
import {
  forgetConsumer,
  pauseConsumer,
  resumeConsumer,
} from '../../src/steer/consumer-steering.ts';
import { countDiscard, discard } from '../../src/steer/discard.ts';
import { countReplay, scheduleReplay } from '../../src/steer/replay.ts';
import { DeliveryFixture, gate, happened } from '../support/delivery-fixture.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';

const fixture = new DeliveryFixture();
const NOT_SOON = { minDelaySeconds: 3600, maxDelaySeconds: 3600 };

function failing(message = 'no') {
  return () => {
    throw new Error(message);
  };
}

describe('a paused consumer', () => {
  it('lets what runs finish, begins nothing more, and goes on where it was', async () => {
    const { opened, open } = gate();
    const started = gate();
    const { consumer, ids } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: async () => {
        started.open();
        await opened;
      },
    });
    const daemon = await fixture.startLive([consumer]);
    const first = await fixture.notify();
    await started.opened;
    expect(await pauseConsumer(fixture.database.db, consumer.id)).toBe(true);
    const second = await fixture.notify();
    await happened(daemon, 'paused');
    open();
    await happened(daemon, 'released');
    expect(ids()).toEqual([first]);
    expect(await resumeConsumer(fixture.database.db, consumer.id)).toBe(true);
    await happened(daemon, 'resumed');
    await expect.poll(ids).toEqual([first, second]);
  });

  it('is not taken over by another process', async () => {
    const a = recordingConsumer(fixture.name(), [fixture.name()]);
    await fixture.startLive([a.consumer]);
    await pauseConsumer(fixture.database.db, a.consumer.id);
    const b = recordingConsumer(fixture.name(), [fixture.name()]);
    const other = fixture.start([b.consumer]);
    await happened(other, 'paused');
    const id = await fixture.notify();
    await resumeConsumer(fixture.database.db, a.consumer.id);
    await expect.poll(() => [...a.ids(), ...b.ids()]).toEqual([id]);
  });

  it('is left alone by a run that ends when all is handled', async () => {
    const { consumer, received } = recordingConsumer(fixture.name(), [fixture.name()]);
    await fixture.start([consumer], { once: true }).ended;
    await pauseConsumer(fixture.database.db, consumer.id);
    await fixture.notify();
    const daemon = fixture.start([consumer], { once: true });
    await daemon.ended;
    expect(received.all).toEqual([]);
    expect(daemon.events.all.map(({ type }) => type)).toContain('paused');
  });

  it('is left by such a run in the middle: what runs finishes, the rest waits for the next one', async () => {
    const { opened, open } = gate();
    const started = gate();
    const { consumer, ids } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: async () => {
        started.open();
        await opened;
      },
    });
    const sent = [await fixture.notify(), await fixture.notify(), await fixture.notify()];
    const daemon = fixture.start([consumer], { once: true });
    await started.opened;
    await pauseConsumer(fixture.database.db, consumer.id);
    await happened(daemon, 'paused');
    open();
    await daemon.ended;
    expect(ids()).toEqual(sent.slice(0, 1));
    expect(daemon.events.all.map(({ type }) => type)).toContain('released');
    await resumeConsumer(fixture.database.db, consumer.id);
    await fixture.start([consumer], { once: true }).ended;
    expect(ids()).toEqual(sent);
  });

  it('says that nothing changed when it is paused or resumed twice', async () => {
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()]);
    await fixture.start([consumer], { once: true }).ended;
    const { db } = fixture.database;
    expect(await resumeConsumer(db, consumer.id)).toBe(false);
    expect(await pauseConsumer(db, consumer.id)).toBe(true);
    expect(await pauseConsumer(db, consumer.id)).toBe(false);
  });

  it('with an unknown name is an error that suggests one', async () => {
    const { consumer } = recordingConsumer(`${fixture.name()}_mails`, [fixture.name()]);
    await fixture.start([consumer], { once: true }).ended;
    await expect(pauseConsumer(fixture.database.db, `${fixture.name()}_mail`)).rejects.toThrow(
      `Did you mean "${consumer.id}"?`,
    );
  });
});

describe('a replay', () => {
  it('hands what was handled to a running consumer again, of one key in order', async () => {
    const { consumer, received, ids } = recordingConsumer(fixture.name(), [fixture.name()], {
      concurrency: 5,
    });
    await fixture.startLive([consumer]);
    const sent: number[] = [];
    for (let n = 0; n < 6; n += 1) sent.push(await fixture.notify({ n }, 'one'));
    await received.count(6);
    const request = { consumer: consumer.id, filter: {} };
    await expect.poll(() => countReplay(fixture.database.db, request)).toBe(6);
    expect(await scheduleReplay(fixture.database.db, request)).toBe(6);
    await received.count(12);
    expect(ids().slice(6)).toEqual(sent);
    expect(received.all.slice(6).every(({ isReplay }) => isReplay)).toBe(true);
    expect(received.all.slice(6).map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1, 1, 1]);
    await expect.poll(() => fixture.redeliveries(consumer.id)).toEqual([]);
  });

  it('gives a dead letter all its attempts again', async () => {
    let broken = true;
    const { consumer, ids, received } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: () => {
        if (broken) throw new Error('broken');
      },
      retry: { maxAttempts: 1 },
    });
    const daemon = await fixture.startLive([consumer]);
    const id = await fixture.notify();
    await happened(daemon, 'dead-lettered');
    broken = false;
    const request = { consumer: consumer.id, filter: {}, states: ['dead'] as const };
    expect(await scheduleReplay(fixture.database.db, request)).toBe(1);
    await received.count(2);
    expect(ids()).toEqual([id, id]);
    expect(received.all[1]?.attempt).toBe(1);
    await expect.poll(() => fixture.redeliveries(consumer.id)).toEqual([]);
  });

  it('takes only what its filter means', async () => {
    const { consumer, ids, received } = recordingConsumer(fixture.name(), [
      fixture.name(),
      fixture.name('b'),
    ]);
    await fixture.startLive([consumer]);
    const before = new Date();
    const a = await fixture.notify({ table: 'users', new_data: { status: 'paid', paid_at: null } });
    const b = await fixture.notify({ table: 'orders' }, null, fixture.name('b'));
    await received.count(2);
    const count = (filter: Parameters<typeof countReplay>[1]['filter']) =>
      countReplay(fixture.database.db, { consumer: consumer.id, filter });
    await expect.poll(() => count({})).toBe(2);
    expect(await count({ ids: [a] })).toBe(1);
    expect(await count({ channels: [fixture.name('b')] })).toBe(1);
    expect(await count({ where: [{ path: ['new_data', 'status'], value: 'paid' }] })).toBe(1);
    expect(await count({ where: [{ path: ['table'], value: 'nothing' }] })).toBe(0);
    const paidAt = (value: string) => count({ where: [{ path: ['new_data', 'paid_at'], value }] });
    expect([await paidAt('null'), await paidAt(''), await paidAt('x')]).toEqual([1, 0, 0]);
    expect(await count({ since: new Date(before.getTime() - 1000) })).toBe(2);
    expect(await count({ until: new Date(before.getTime() - 1000) })).toBe(0);
    await scheduleReplay(fixture.database.db, { consumer: consumer.id, filter: { ids: [b] } });
    await received.count(3);
    expect(ids()).toEqual([a, b, b]);
  });

  it('leaves alone what is pending or retried, and is handled once all the same', async () => {
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: failing(),
      retry: NOT_SOON,
    });
    const daemon = await fixture.startLive([consumer]);
    const retried = await fixture.notify();
    await happened(daemon, 'retrying');
    await pauseConsumer(fixture.database.db, consumer.id);
    await happened(daemon, 'released');
    await fixture.notify();
    const request = { consumer: consumer.id, filter: {} };
    expect(await scheduleReplay(fixture.database.db, request)).toBe(0);
    expect(await fixture.redeliveries(consumer.id)).toMatchObject([
      { notification_id: retried, reason: 'failure', attempt: 1 },
    ]);
  });

  it('waits behind an earlier notification of its key that is being retried', async () => {
    let fails = 0;
    const { consumer, ids, received } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: ({ notificationLogId }) => {
        if (notificationLogId === fails) throw new Error('not yet');
      },
      retry: { minDelaySeconds: 0.3, maxDelaySeconds: 0.3 },
    });
    const daemon = await fixture.startLive([consumer]);
    const first = await fixture.notify({}, 'k');
    const second = await fixture.notify({}, 'k');
    await received.count(2);
    fails = first;
    const request = (id: number) => ({ consumer: consumer.id, filter: { ids: [id] } });
    await expect
      .poll(() => countReplay(fixture.database.db, { consumer: consumer.id, filter: {} }))
      .toBe(2);
    await scheduleReplay(fixture.database.db, request(first));
    await happened(daemon, 'retrying');
    await scheduleReplay(fixture.database.db, request(second));
    fails = 0;
    await received.count(5);
    expect(ids()).toEqual([first, second, first, first, second]);
  });

  it('gives a consumer that started late what it had skipped', async () => {
    const skipped = await fixture.notify();
    const { consumer, received, ids } = recordingConsumer(fixture.name(), [fixture.name()], {
      start: 'latest',
    });
    await fixture.startLive([consumer]);
    const request = { consumer: consumer.id, filter: {}, states: ['skipped'] as const };
    expect(await scheduleReplay(fixture.database.db, request)).toBe(1);
    await received.count(1);
    expect(ids()).toEqual([skipped]);
  });

  it('reaches a consumer that nobody runs when it is run', async () => {
    const { consumer, ids } = recordingConsumer(fixture.name(), [fixture.name()]);
    const id = await fixture.notify();
    await fixture.start([consumer], { once: true }).ended;
    await scheduleReplay(fixture.database.db, { consumer: consumer.id, filter: {} });
    await fixture.start([consumer], { once: true }).ended;
    expect(ids()).toEqual([id, id]);
  });

  it('schedules each partition its own', async () => {
    const { consumer, ids } = recordingConsumer(fixture.name(), [fixture.name()], {
      partitions: 4,
    });
    const sent: number[] = [];
    for (let n = 0; n < 12; n += 1) sent.push(await fixture.notify({}, `key-${n}`));
    await fixture.start([consumer], { once: true }).ended;
    await scheduleReplay(fixture.database.db, { consumer: consumer.id, filter: {} });
    await fixture.start([consumer], { once: true }).ended;
    expect([...ids()].sort((a, b) => a - b)).toEqual(sent.flatMap((id) => [id, id]));
  });

  it('is not counted for longer than one waits', async () => {
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()]);
    await fixture.start([consumer], { once: true }).ended;
    const blocker = await fixture.database.connect();
    await blocker.query('begin');
    await blocker.query('lock table pgwatch.redelivery');
    const request = { consumer: consumer.id, filter: {} };
    await expect(countReplay(fixture.database.db, request, 100)).rejects.toMatchObject({
      code: '57014',
    });
    await blocker.query('rollback');
    await blocker.end();
  });
});

describe('a discard', () => {
  it('gives up dead letters and retries, and lets what waited behind them go on', async () => {
    let fails = 0;
    const { consumer, ids, received } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: ({ notificationLogId }) => {
        if (fails === 0) fails = notificationLogId;
        if (notificationLogId === fails) throw new Error('never');
      },
      retry: NOT_SOON,
    });
    const daemon = await fixture.startLive([consumer]);
    const first = await fixture.notify({}, 'k');
    const second = await fixture.notify({}, 'k');
    await happened(daemon, 'retrying');
    await expect.poll(() => fixture.redeliveries(consumer.id)).toHaveLength(2);
    const request = { consumer: consumer.id, filter: { ids: [first] } };
    expect(await countDiscard(fixture.database.db, request)).toBe(1);
    expect(await discard(fixture.database.db, request)).toBe(1);
    await received.count(2);
    expect(ids()).toEqual([first, second]);
    await daemon.stop();
    expect(await fixture.redeliveries(consumer.id)).toEqual([]);
  });

  it('of something that the cursor has not passed is not undone by a restart', async () => {
    const { opened, open } = gate();
    const { consumer, ids, received } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: async ({ data }) => {
        if (data === 'slow') await opened;
        else throw new Error('never');
      },
      concurrency: 2,
      retry: NOT_SOON,
    });
    const daemon = await fixture.startLive([consumer]);
    await fixture.notify('slow', 'a');
    const failed = await fixture.notify('fails', 'b');
    await happened(daemon, 'retrying');
    const request = { consumer: consumer.id, filter: { ids: [failed] } };
    expect(await discard(fixture.database.db, request)).toBe(1);
    // As after a crash: the cursor stands before both.
    daemon.abort();
    open();
    await daemon.ended;
    await fixture.start([consumer], { once: true }).ended;
    expect(ids().filter((id) => id === failed)).toEqual([failed]);
    expect(received.all.length).toBeGreaterThanOrEqual(2);
  });
});

describe('a consumer that is forgotten', () => {
  it('is refused while somebody runs it', async () => {
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()]);
    await fixture.startLive([consumer]);
    await expect(forgetConsumer(fixture.database.db, consumer.id)).rejects.toMatchObject({
      code: 'CONSUMER_RUNNING',
    });
  });

  it('leaves nothing, and is new when it is run again', async () => {
    const { consumer, ids } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: failing(),
      retry: NOT_SOON,
    });
    const id = await fixture.notify();
    await fixture.start([consumer], { once: true }).ended;
    await forgetConsumer(fixture.database.db, consumer.id);
    expect(await fixture.redeliveries(consumer.id)).toEqual([]);
    await fixture.start([consumer], { once: true }).ended;
    expect(ids()).toEqual([id, id]);
  });
});
