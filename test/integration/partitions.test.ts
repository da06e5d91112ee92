import { describe, expect, it } from 'vitest';
import type { DeliveryEvent } from '../../src/delivery/events.ts';
import type { Notification } from '../../src/log/notification.ts';
import { DeliveryFixture, gate, happened } from '../support/delivery-fixture.ts';
import { EventLog } from '../support/event-log.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';
import type { RunningDaemon } from '../support/running-daemon.ts';

const fixture = new DeliveryFixture();

type Options = Parameters<typeof recordingConsumer>[2];

/** Processes that run one consumer, and what all of them together handled, in order. */
class Crew {
  readonly handled = new EventLog<Notification>();
  readonly #options: NonNullable<Options>;

  constructor(options: NonNullable<Options>) {
    this.#options = options;
  }

  member(options: Options = {}) {
    const { handle } = this.#options;
    return recordingConsumer(fixture.name(), [fixture.name()], {
      ...this.#options,
      ...options,
      handle: async (notification, context) => {
        await (options.handle ?? handle)?.(notification, context);
        this.handled.add(notification);
      },
    });
  }

  /** Resolves when each of these was handled. */
  async all(ids: readonly number[]): Promise<void> {
    await this.handled.until((all) => {
      const done = new Set(all.map(({ notificationLogId }) => notificationLogId));
      return ids.every((id) => done.has(id));
    });
  }

  idsOf(key: string): number[] {
    return this.handled.all
      .filter((notification) => notification.key === key)
      .map(({ notificationLogId }) => notificationLogId);
  }

  get ids(): number[] {
    return this.handled.all.map(({ notificationLogId }) => notificationLogId);
  }
}

/** Resolves when the process runs so many partitions and knows so many processes. */
function shares(daemon: RunningDaemon, share: number, processes: number) {
  return daemon.events.until((all) => {
    const last = all.findLast((event) => event.type === 'sharing');
    return last !== undefined && last.share === share && last.processes === processes;
  });
}

/** Resolves when the process runs these partitions, no more and no less. */
function runs(daemon: RunningDaemon, count: number) {
  return daemon.events.until((all) => partitionsOf(all).size === count && partitionsOf(all));
}

function partitionsOf(events: readonly { type: string; partition?: number }[]): Set<number> {
  const held = new Set<number>();
  for (const { type, partition = 0 } of events) {
    if (type === 'claimed') held.add(partition);
    if (type === 'released' || type === 'fenced') held.delete(partition);
  }
  return held;
}

async function write(keys: readonly string[], times: number): Promise<number[]> {
  const { rows } = await fixture.database.query<{ id: string }>(
    `select smart_notify($1, to_jsonb(n), k) as id
     from generate_series(1, $3) n, unnest($2::text[]) k`,
    [fixture.name(), keys, times],
  );
  return rows.map(({ id }) => Number(id));
}

async function cursors() {
  const { rows } = await fixture.database.query<{ partition: number; epoch: number }>(
    `select partition, epoch from pgwatch.consumer_cursor k
     join pgwatch.consumer c on c.id = k.consumer_id where name = $1 order by partition`,
    [fixture.name()],
  );
  return rows;
}

const KEYS = Array.from({ length: 20 }, (_, n) => `key ${n}`);
const ASCENDING = (a: number, b: number) => a - b;

describe('a consumer with partitions', () => {
  it('handles everything once, each key in order, with and without keys', async () => {
    const crew = new Crew({ partitions: 4 });
    const { consumer } = crew.member();
    const before = await write(KEYS, 5);
    await fixture.startLive([consumer]);
    const keyless: number[] = [];
    for (let n = 0; n < 20; n += 1) keyless.push(await fixture.notify(n));
    const after = await write(KEYS, 5);
    await crew.all([...before, ...keyless, ...after]);
    expect(crew.ids).toHaveLength(220);
    for (const key of KEYS) expect(crew.idsOf(key)).toEqual([...crew.idsOf(key)].sort(ASCENDING));
  });

  it('runs its partitions side by side: one that is stuck holds up no other', async () => {
    const stuck = gate();
    const crew = new Crew({
      partitions: 8,
      handle: async ({ key }) => {
        if (key === 'stuck') await stuck.opened;
      },
    });
    await fixture.startLive([crew.member().consumer]);
    await write(['stuck'], 1);
    const others = await write(KEYS, 1);
    const { rows } = await fixture.database.query<{ id: string }>(
      `select id from pgwatch.notification_log, (select pgwatch.partition_of('stuck', 0, 8) as p) s
       where channel = $1 and key <> 'stuck' and pgwatch.partition_of(key, id, 8) <> p`,
      [fixture.name()],
    );
    expect(rows.length).toBeGreaterThan(others.length / 2);
    await crew.all(rows.map(({ id }) => Number(id)));
    stuck.open();
  });

  it('pages through a backlog, each partition through its own part', async () => {
    const crew = new Crew({ partitions: 3 });
    const ids = await write(KEYS, 40);
    await fixture.start([crew.member().consumer], { once: true, config: { maxBatchSize: 7 } })
      .ended;
    expect(crew.ids.toSorted(ASCENDING)).toEqual(ids.toSorted(ASCENDING));
    for (const key of KEYS) expect(crew.idsOf(key)).toEqual([...crew.idsOf(key)].sort(ASCENDING));
  });

  it('keeps a failed notification and what follows it in its partition', async () => {
    let failures = 2;
    const crew = new Crew({
      partitions: 4,
      retry: { minDelaySeconds: 0.01, maxDelaySeconds: 0.01, jitter: 0 },
      handle: ({ key }) => {
        if (key === 'key 3' && failures > 0) {
          failures -= 1;
          throw new Error('not yet');
        }
      },
    });
    const ids = await write(KEYS, 3);
    await fixture.startLive([crew.member().consumer]);
    await crew.all(ids);
    expect(crew.idsOf('key 3')).toEqual([...crew.idsOf('key 3')].sort(ASCENDING));
    expect(crew.ids).toHaveLength(60);
  });
});

describe('processes that share a consumer', () => {
  it('run as many partitions as each other, or one more, as they come and go', async () => {
    const crew = new Crew({ partitions: 5 });
    const first = fixture.start([crew.member().consumer]);
    await runs(first, 5);
    const second = fixture.start([crew.member().consumer]);
    await shares(first, 3, 2);
    await runs(first, 3);
    await runs(second, 2);
    const third = fixture.start([crew.member().consumer]);
    await Promise.all([runs(first, 2), runs(third, 1)]);
    await first.stop();
    const [two, three] = [await runs(second, 3), await runs(third, 2)];
    expect([...two, ...three].sort(ASCENDING)).toEqual([0, 1, 2, 3, 4]);
  });

  it('hand over key by key in order, and nothing twice', async () => {
    const crew = new Crew({ partitions: 6 });
    const first = await fixture.startLive([crew.member().consumer]);
    const ids = await write(KEYS, 20);
    const second = fixture.start([crew.member().consumer]);
    ids.push(...(await write(KEYS, 20)));
    await runs(second, 3);
    ids.push(...(await write(KEYS, 20)));
    await first.stop();
    await runs(second, 6);
    ids.push(...(await write(KEYS, 20)));
    await crew.all(ids);
    expect(crew.ids).toHaveLength(ids.length);
    for (const key of KEYS) expect(crew.idsOf(key)).toEqual([...crew.idsOf(key)].sort(ASCENDING));
  });

  it('wait for a partition whose handler has not finished', async () => {
    const busy = gate();
    const crew = new Crew({ partitions: 2, handle: () => busy.opened });
    const one = crew.member();
    const first = await fixture.startLive([one.consumer]);
    const ids = await write(KEYS, 1);
    await one.received.count(2);
    const second = fixture.start([crew.member().consumer]);
    await shares(first, 1, 2);
    expect(partitionsOf(second.events.all as DeliveryEvent[])).toEqual(new Set());
    busy.open();
    await runs(second, 1);
    await crew.all(ids);
    expect(crew.ids).toHaveLength(ids.length);
  });

  it('that are more than there are partitions wait without one', async () => {
    const crew = new Crew({ partitions: 2 });
    const [first, second] = [
      fixture.start([crew.member().consumer]),
      fixture.start([crew.member().consumer]),
    ];
    await Promise.all([runs(first, 1), runs(second, 1)]);
    const third = fixture.start([crew.member().consumer]);
    await shares(third, 0, 3);
    await second.stop();
    await runs(third, 1);
  });

  it('find the partitions of one that died when its lease has run out', async () => {
    const crew = new Crew({ partitions: 3 });
    const first = await fixture.startLive([crew.member().consumer]);
    await first.stop();
    // What a process leaves that was killed on another machine.
    await fixture.database.query(
      `update pgwatch.consumer_cursor k
       set lease_owner = 'elsewhere/1/1/other/x', lease_until = now() + interval '2 s', epoch = epoch + 1
       from pgwatch.consumer c where c.id = k.consumer_id and name = $1`,
      [fixture.name()],
    );
    await fixture.database.query(
      `insert into pgwatch.consumer_member
       select id, 'elsewhere/1/1/other/x', now() + interval '2 s' from pgwatch.consumer where name = $1`,
      [fixture.name()],
    );
    const second = fixture.start([crew.member().consumer]);
    await shares(second, 1, 2);
    expect(partitionsOf(second.events.all as DeliveryEvent[])).toEqual(new Set());
    await runs(second, 3);
  });

  it('skip what was missed only where nobody ran before', async () => {
    const config = { skipPlayback: true };
    const crew = new Crew({ partitions: 4 });
    const skipped = await write(KEYS, 2);
    const first = await fixture.startLive([crew.member().consumer], { config });
    await runs(first, 4);
    const second = fixture.start([crew.member().consumer], { config });
    const ids = await write(KEYS, 2);
    await runs(second, 2);
    await first.stop();
    ids.push(...(await write(KEYS, 2)));
    await crew.all(ids);
    expect(crew.ids.filter((id) => skipped.includes(id))).toEqual([]);
    expect(crew.ids).toHaveLength(ids.length);
  });
});

describe('another number of partitions', () => {
  it.each([
    [1, 4],
    [2, 6],
    [4, 2],
    [3, 1],
    [2, 3],
  ])('%i to %i: nothing is lost or repeated, and the order stays', async (from, to) => {
    const old = new Crew({
      partitions: from,
      retry: { minDelaySeconds: 3600, maxDelaySeconds: 3600 },
      handle: ({ key }) => {
        if (key === 'key 7') throw new Error('not now');
      },
    });
    const ids = await write(KEYS, 10);
    const first = await fixture.startLive([old.member().consumer], { config: { maxBatchSize: 7 } });
    await old.all(await idsWithout('key 7'));
    await first.stop();
    ids.push(...(await write(KEYS, 30)));
    await fixture.database.query(
      `update pgwatch.redelivery set due_at = now() where due_at < 'infinity'`,
    );
    const young = new Crew({ partitions: to });
    const second = fixture.start([young.member().consumer], { config: { maxBatchSize: 7 } });
    await runs(second, to);
    ids.push(...(await write(KEYS, 10)));
    await young.all(ids.filter((id) => !old.ids.includes(id)));
    expect([...old.ids, ...young.ids].sort(ASCENDING)).toEqual(ids.toSorted(ASCENDING));
    for (const key of KEYS) {
      expect(young.idsOf(key), key).toEqual(young.idsOf(key).toSorted(ASCENDING));
    }
    expect(await cursors()).toHaveLength(to);
  });

  it('waits for those who run it as it is, and says so', async () => {
    const old = new Crew({ partitions: 2 });
    const first = await fixture.startLive([old.member().consumer]);
    await runs(first, 2);
    const young = new Crew({ partitions: 4 });
    const second = fixture.start([young.member().consumer]);
    const waiting = await happened(second, 'waiting-for-split');
    expect(waiting).toMatchObject({ found: 2, wanted: 4 });
    const ids = await write(KEYS, 2);
    await old.all(ids);
    await first.stop();
    await runs(second, 4);
    expect((await happened(second, 'split-changed')).from).toBe(2);
  });

  it('is closed by several processes together, and also when one ends in the middle', async () => {
    const old = new Crew({ partitions: 4 });
    await (await fixture.startLive([old.member().consumer])).stop();
    const ids = await write(KEYS, 30);
    const hold = gate();
    const young = new Crew({ partitions: 2, handle: () => hold.opened });
    const first = fixture.start([young.member().consumer], { config: { maxBatchSize: 5 } });
    await happened(first, 'split-closing');
    await runs(first, 4);
    const second = fixture.start([young.member().consumer], { config: { maxBatchSize: 5 } });
    await shares(first, 2, 2);
    const stopped = first.stop();
    hold.open();
    await stopped;
    await young.all(ids);
    await happened(second, 'split-changed');
    await runs(second, 2);
    expect(young.ids).toHaveLength(ids.length);
  });

  it('raises the epochs, also of a partition that had gone', async () => {
    const epochs: number[] = [];
    for (const partitions of [2, 1, 2, 1, 2]) {
      const { consumer } = new Crew({ partitions }).member();
      await fixture.start([consumer], { once: true }).ended;
      const [, last] = await cursors();
      if (last !== undefined) epochs.push(Number(last.epoch));
    }
    expect(epochs).toEqual(epochs.toSorted(ASCENDING));
    expect(new Set(epochs).size).toBe(3);
  });

  it('is skipped over with skipPlayback, when nobody runs it', async () => {
    await fixture.start([new Crew({ partitions: 3 }).member().consumer], { once: true }).ended;
    await write(KEYS, 2);
    const young = new Crew({ partitions: 2 });
    const daemon = fixture.start([young.member().consumer], { config: { skipPlayback: true } });
    await runs(daemon, 2);
    const ids = await write(KEYS, 1);
    await young.all(ids);
    expect(young.ids.toSorted(ASCENDING)).toEqual(ids.toSorted(ASCENDING));
  });
});

async function idsWithout(key: string): Promise<number[]> {
  const { rows } = await fixture.database.query<{ id: string }>(
    'select id from pgwatch.notification_log where channel = $1 and key <> $2',
    [fixture.name(), key],
  );
  return rows.map(({ id }) => Number(id));
}
