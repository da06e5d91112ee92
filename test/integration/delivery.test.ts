import { describe, expect, it, vi } from 'vitest';
import { defineConsumer } from '../../src/consumer/define-consumer.ts';
import { DeliveryFixture, gate, happened } from '../support/delivery-fixture.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';

const fixture = new DeliveryFixture();

describe('playback and live', () => {
  it('plays back what was written before, then handles what comes', async () => {
    const before = await fixture.notify({ n: 1 });
    const { consumer, received, ids } = recordingConsumer(fixture.name(), [fixture.name()]);
    await fixture.startLive([consumer]);
    const after = await fixture.notify({ n: 2 });
    await received.count(2);
    expect(ids()).toEqual([before, after]);
    expect(received.all.map(({ isReplay }) => isReplay)).toEqual([true, false]);
    expect(received.all.map(({ data }) => data)).toEqual([{ n: 1 }, { n: 2 }]);
  });

  it('goes on after a restart where it was', async () => {
    const first = recordingConsumer(fixture.name(), [fixture.name()]);
    const daemon = await fixture.startLive([first.consumer]);
    const a = await fixture.notify('a');
    await first.received.count(1);
    await daemon.stop();
    const b = await fixture.notify('b');
    const second = recordingConsumer(fixture.name(), [fixture.name()]);
    await fixture.startLive([second.consumer]);
    const c = await fixture.notify('c');
    await second.received.count(2);
    expect(first.ids()).toEqual([a]);
    expect(second.ids()).toEqual([b, c]);
  });

  it('handles a row that commits late once, while newer rows go on without it', async () => {
    const { consumer, received, ids } = recordingConsumer(fixture.name(), [fixture.name()]);
    await fixture.startLive([consumer]);
    const writer = await fixture.database.pool.connect();
    await writer.query('begin');
    const { rows } = await writer.query<{ id: string }>('select smart_notify($1) as id', [
      fixture.name(),
    ]);
    const late = Number(rows[0]?.id);
    const newer = [await fixture.notify(1), await fixture.notify(2), await fixture.notify(3)];
    await received.count(3);
    expect(ids()).toEqual(newer);
    await writer.query('commit');
    writer.release();
    await received.count(4);
    const last = await fixture.notify('last');
    await received.count(5);
    expect(ids()).toEqual([...newer, late, last]);
  });

  it('handles a row that commits late after a restart, too', async () => {
    const writer = await fixture.database.pool.connect();
    await writer.query('begin');
    const { rows } = await writer.query<{ id: string }>('select smart_notify($1) as id', [
      fixture.name(),
    ]);
    const late = Number(rows[0]?.id);
    const newer = await fixture.notify();
    const first = recordingConsumer(fixture.name(), [fixture.name()]);
    const daemon = await fixture.startLive([first.consumer]);
    await daemon.stop();
    await writer.query('commit');
    writer.release();
    const second = recordingConsumer(fixture.name(), [fixture.name()]);
    await fixture.startLive([second.consumer]);
    await second.received.count(1);
    expect([first.ids(), second.ids()]).toEqual([[newer], [late]]);
  });

  it('takes the id of a rolled-back transaction for no gap', async () => {
    const { consumer, received, ids } = recordingConsumer(fixture.name(), [fixture.name()]);
    await fixture.startLive([consumer]);
    const writer = await fixture.database.pool.connect();
    await writer.query('begin');
    await writer.query('select smart_notify($1)', [fixture.name()]);
    await writer.query('rollback');
    writer.release();
    const committed = await fixture.notify();
    await received.count(1);
    expect(ids()).toEqual([committed]);
  });

  it('drains a backlog of many batches in the order of the ids', async () => {
    await fixture.database.query(
      'select smart_notify($1, to_jsonb(n)) from generate_series(1, 2500) as n',
      [fixture.name()],
    );
    const { consumer, received } = recordingConsumer(fixture.name(), [fixture.name()]);
    await fixture.start([consumer], { once: true }).ended;
    expect(received.all.map(({ data }) => data)).toEqual(
      Array.from({ length: 2500 }, (_, index) => index + 1),
    );
  });

  it('drains a backlog of 200,000, each once', { timeout: 180_000 }, async () => {
    await fixture.database.query(
      'select count(smart_notify($1, to_jsonb(n))) from generate_series(1, 200000) as n',
      [fixture.name()],
    );
    let expected = 0;
    let inOrder = true;
    const consumer = defineConsumer({
      id: fixture.name(),
      channels: [fixture.name()],
      handle({ data }) {
        expected += 1;
        inOrder &&= data === expected;
      },
    });
    await fixture.start([consumer], { once: true, config: { maxBatchSize: 1000 } }).ended;
    expect({ handled: expected, inOrder }).toEqual({ handled: 200_000, inOrder: true });
  });

  it('goes on inside a backlog after a stop in the middle of a batch', async () => {
    await fixture.database.query(
      'select smart_notify($1, to_jsonb(n)) from generate_series(1, 1000) as n',
      [fixture.name()],
    );
    const reached = gate();
    const first = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: ({ data }) => data === 450 && reached.open(),
    });
    const daemon = fixture.start([first.consumer]);
    await reached.opened;
    await daemon.stop();
    const second = recordingConsumer(fixture.name(), [fixture.name()]);
    await fixture.start([second.consumer], { once: true }).ended;
    const handled = [...first.received.all, ...second.received.all].map(({ data }) => data);
    expect(first.received.all.length).toBeLessThan(1000);
    expect(handled).toEqual(Array.from({ length: 1000 }, (_, index) => index + 1));
  });

  it('fetches large payloads a few at a time', async () => {
    const limit = 200_000;
    await fixture.database.query(
      // Random text, which does not compress.
      `select smart_notify($1, to_jsonb((
         select string_agg(md5(random()::text), '') from generate_series(1, 1250 + n * 0))))
       from generate_series(1, 30) as n`,
      [fixture.name()],
    );
    const { consumer, received } = recordingConsumer(fixture.name(), [fixture.name()]);
    const query = vi.spyOn(fixture.database.db.pool, 'query');
    await fixture.start([consumer], { once: true, config: { maxBatchBytes: limit } }).ended;
    const results: readonly unknown[] = await Promise.all(
      query.mock.results.map(({ value }) => value),
    );
    query.mockRestore();
    const bytes = results.map((result) => JSON.stringify(result).length);
    expect(Math.max(...bytes)).toBeGreaterThan(40_002);
    expect(Math.max(...bytes)).toBeLessThan(1.2 * limit);
    expect(received.all.map(({ json }) => json.length)).toEqual(Array(30).fill(40_002));
  });

  it('starts a new consumer now when it wants the latest', async () => {
    await fixture.notify('before');
    const { consumer, received, ids } = recordingConsumer(fixture.name(), [fixture.name()], {
      start: 'latest',
    });
    await fixture.startLive([consumer]);
    const after = await fixture.notify('after');
    await received.count(1);
    expect(ids()).toEqual([after]);
  });

  it('skips playback when asked, for good', async () => {
    await fixture.notify('skipped');
    const first = recordingConsumer(fixture.name(), [fixture.name()]);
    const daemon = await fixture.startLive([first.consumer], { config: { skipPlayback: true } });
    const live = await fixture.notify('live');
    await first.received.count(1);
    await daemon.stop();
    const second = recordingConsumer(fixture.name(), [fixture.name()]);
    await fixture.start([second.consumer], { once: true }).ended;
    expect([first.ids(), second.ids()]).toEqual([[live], []]);
  });
});

describe('several consumers', () => {
  it('handle the same notifications, each with its own progress', async () => {
    const a = recordingConsumer(fixture.name('a'), [fixture.name()]);
    const b = recordingConsumer(fixture.name('b'), [fixture.name()]);
    await fixture.startLive([a.consumer, b.consumer]);
    const ids = [await fixture.notify(1), await fixture.notify(2)];
    await Promise.all([a.received.count(2), b.received.count(2)]);
    expect([a.ids(), b.ids()]).toEqual([ids, ids]);
  });

  it('that are busy give timers and sockets their turn, however many they are', async () => {
    let handled = 0;
    const consumers = Array.from({ length: 8 }, (_, n) =>
      defineConsumer({
        id: fixture.name(`_${n}`),
        channels: [fixture.name()],
        handle() {
          handled += 1;
          for (const until = performance.now() + 1; performance.now() < until; );
        },
      }),
    );
    await fixture.database.query('select smart_notify($1) from generate_series(1, 50)', [
      fixture.name(),
    ]);
    const daemon = fixture.start(consumers, { once: true });
    let most = 0;
    for (let ended = false; !ended; ) {
      const before = handled;
      ended = await Promise.race([
        daemon.ended.then(() => true),
        new Promise<boolean>((resolve) => setImmediate(() => resolve(false))),
      ]);
      most = Math.max(most, handled - before);
    }
    expect(handled).toBe(400);
    expect(most).toBeLessThan(8);
  });

  it('do not notice one that fails, nor one that hangs', async () => {
    const hang = gate();
    const failing = recordingConsumer(fixture.name('failing'), [fixture.name()], {
      handle: () => Promise.reject(new Error('always')),
    });
    const hanging = recordingConsumer(fixture.name('hanging'), [fixture.name()], {
      handle: () => hang.opened,
    });
    const sound = recordingConsumer(fixture.name('sound'), [fixture.name()]);
    await fixture.startLive([failing.consumer, hanging.consumer, sound.consumer]);
    const ids = [await fixture.notify(1), await fixture.notify(2), await fixture.notify(3)];
    await Promise.all([sound.received.count(3), hanging.received.count(1)]);
    expect(sound.ids()).toEqual(ids);
    expect(hanging.received.all).toHaveLength(1);
    hang.open();
    await hanging.received.count(3);
  });

  it('run in two processes side by side', async () => {
    const a = recordingConsumer(fixture.name('a'), [fixture.name()]);
    const b = recordingConsumer(fixture.name('b'), [fixture.name()]);
    await fixture.startLive([a.consumer]);
    await fixture.startLive([b.consumer]);
    const ids = [await fixture.notify(1), await fixture.notify(2)];
    await Promise.all([a.received.count(2), b.received.count(2)]);
    expect([a.ids(), b.ids()]).toEqual([ids, ids]);
  });

  it('of the same id run in one process, and move to the next when that stops', async () => {
    const first = recordingConsumer(fixture.name(), [fixture.name()]);
    const second = recordingConsumer(fixture.name(), [fixture.name()]);
    const one = await fixture.startLive([first.consumer]);
    const two = fixture.start([second.consumer]);
    await happened(two, 'waiting-for-lease');
    const a = await fixture.notify('a');
    await first.received.count(1);
    await one.stop();
    const b = await fixture.notify('b');
    await second.received.count(1);
    expect([first.ids(), second.ids()]).toEqual([[a], [b]]);
  });

  it('listen to several channels at once', async () => {
    const channels = [fixture.name('x'), fixture.name('y'), fixture.name('z')];
    const { consumer, received, ids } = recordingConsumer(fixture.name(), channels.slice(0, 2));
    await fixture.startLive([consumer]);
    const x = await fixture.notify(1, null, channels[0]);
    await fixture.notify(2, null, channels[2]);
    const y = await fixture.notify(3, null, channels[1]);
    await received.count(2);
    expect(ids()).toEqual([x, y]);
  });

  it('that gain a channel get its history; that lose one lose what waits there', async () => {
    const [kept, gained] = [fixture.name('kept'), fixture.name('gained')];
    const old = await fixture.notify('old', null, gained);
    await fixture.notify('known', null, kept);
    const first = recordingConsumer(fixture.name(), [kept]);
    await fixture.start([first.consumer], { once: true }).ended;

    const second = recordingConsumer(fixture.name(), [kept, gained], {
      handle: () => Promise.reject(new Error('not now')),
      retry: { minDelaySeconds: 3600, maxDelaySeconds: 3600 },
    });
    const daemon = fixture.start([second.consumer], { once: true });
    await daemon.ended;
    expect(second.ids()).toEqual([old]);
    expect(second.received.all[0]?.isReplay).toBe(true);
    expect((await happened(daemon, 'claimed')).scheduled).toBe(1);

    const third = recordingConsumer(fixture.name(), [kept]);
    const last = fixture.start([third.consumer], { once: true });
    await last.ended;
    expect((await happened(last, 'claimed')).dropped).toBe(1);
    expect(await fixture.redeliveries(fixture.name())).toEqual([]);
  });
});
