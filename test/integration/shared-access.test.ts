import { afterEach, expect, it, vi } from 'vitest';
import { DeliveryFixture, gate } from '../support/delivery-fixture.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';

const fixture = new DeliveryFixture();
afterEach(() => vi.restoreAllMocks());

/** Consumers of one channel. */
function crew(count: number) {
  return Array.from({ length: count }, (_, index) =>
    recordingConsumer(fixture.name(`_${index}`), [fixture.name()]),
  );
}

/** Counts the statements whose name begins so, from now on. */
function countStatements(prefix: string): () => number {
  const query = vi.spyOn(fixture.database.db.pool, 'query');
  return () =>
    query.mock.calls.filter(([config]) => {
      const { name = '' }: { name?: string } = typeof config === 'object' ? config : {};
      return name.startsWith(prefix);
    }).length;
}

const writeMany = (count: number) =>
  fixture.database.query('select smart_notify($1, to_jsonb(n)) from generate_series(1, $2) n', [
    fixture.name(),
    count,
  ]);

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

it('ten consumers that are level read what is new once, not ten times', async () => {
  const consumers = crew(10);
  await fixture.startLive(consumers.map(({ consumer }) => consumer));
  const fetches = countStatements('pgwatch_fetch');
  for (const n of upTo(20)) {
    await fixture.notify(n);
    await Promise.all(consumers.map(({ received }) => received.count(n)));
  }
  expect(fetches()).toBeGreaterThan(0);
  // Each alone would be 200.
  expect(fetches()).toBeLessThan(100);
  for (const { received } of consumers) {
    expect(received.all.map(({ data }) => data)).toEqual(upTo(20));
  }
});

it('five consumers with the same backlog read it about once', async () => {
  await writeMany(8_000);
  const consumers = crew(5);
  const fetches = countStatements('pgwatch_fetch_page');
  await fixture.start(
    consumers.map(({ consumer }) => consumer),
    { once: true },
  ).ended;
  for (const { received } of consumers) {
    expect(received.all.map(({ data }) => data)).toEqual(upTo(8_000));
  }
  // Eight pages of a thousand, and the ends of windows; each alone would be 40 and more.
  expect(fetches()).toBeLessThan(30);
});

it('one that falls behind goes on where it stands, and holds up nobody', async () => {
  const end = gate();
  const slow = recordingConsumer(fixture.name('_slow'), [fixture.name()], {
    handle: ({ data }) => (data === 1 ? end.opened : undefined),
  });
  const [quick] = crew(1);
  if (quick === undefined) throw new Error('There is nobody.');
  await fixture.startLive([slow.consumer, quick.consumer]);
  for (const n of upTo(200)) await fixture.notify(n);
  await quick.received.count(200);
  expect(slow.received.all).toHaveLength(1);
  end.open();
  await slow.received.count(200);
  for (const n of upTo(50)) await fixture.notify(200 + n);
  for (const { received } of [slow, quick]) {
    await received.count(250);
    expect(received.all.map(({ data }) => data)).toEqual(upTo(250));
  }
});

it("a cursor whose row is locked holds up no other consumer's cursor", async () => {
  const consumers = crew(3);
  await fixture.startLive(consumers.map(({ consumer }) => consumer));
  const locked = fixture.name('_1');
  const storedOf = async () => {
    const { rows } = await fixture.database.query<{ name: string; seen: string }>(
      `select name, seen::text from pgwatch.consumer_cursor
       join pgwatch.consumer on consumer.id = consumer_id where name like $1 order by name`,
      [`${fixture.name()}\\_%`],
    );
    return new Map(rows.map(({ name, seen }) => [name, seen]));
  };
  const before = await storedOf();
  const moved = async () => {
    const now = await storedOf();
    return [...now].filter(([name, seen]) => seen !== before.get(name)).map(([name]) => name);
  };
  const client = await fixture.database.pool.connect();
  try {
    await client.query('begin');
    await client.query(
      `select from pgwatch.consumer_cursor
       where consumer_id = (select id from pgwatch.consumer where name = $1) for update`,
      [locked],
    );
    await fixture.notify('now');
    await expect.poll(moved).toEqual([fixture.name('_0'), fixture.name('_2')]);
  } finally {
    await client.query('rollback');
    client.release();
  }
  await expect.poll(moved).toContain(locked);
});

/** Holds the doorbell as a writer in flight does: the doorkeeper stays awake, and nobody is rung. */
async function keepAwake(): Promise<() => Promise<void>> {
  const client = await fixture.database.pool.connect();
  await client.query('begin');
  await client.query('select smart_notify($1)', [fixture.name('_open')]);
  return async () => {
    await client.query('rollback');
    client.release();
  };
}

it('consumers that are level take what the doorkeeper has seen, and read nothing', async () => {
  const consumers = crew(3);
  await fixture.startLive(consumers.map(({ consumer }) => consumer));
  const fallAsleep = await keepAwake();
  try {
    const fetches = countStatements('pgwatch_fetch');
    for (const n of upTo(60)) {
      await fixture.notify(n);
      await Promise.all(consumers.map(({ received }) => received.count(n)));
    }
    // Some, until all stand where the looks are.
    expect(fetches()).toBeLessThan(30);
    for (const { received } of consumers) {
      expect(received.all.map(({ data }) => data)).toEqual(upTo(60));
    }
  } finally {
    await fallAsleep();
  }
});

it('what is too much or too large for a look is read, and what comes after it, too', async () => {
  const [one] = crew(1);
  if (one === undefined) throw new Error('There is nobody.');
  await fixture.startLive([one.consumer]);
  const fallAsleep = await keepAwake();
  try {
    await writeMany(500);
    await one.received.count(500);
    const large = 'x'.repeat(20_000);
    await fixture.notify(large);
    await fixture.notify(502);
    await one.received.count(502);
    expect(one.received.all.map(({ data }) => data)).toEqual([...upTo(500), large, 502]);
  } finally {
    await fallAsleep();
  }
});
