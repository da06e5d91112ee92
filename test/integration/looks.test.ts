import { expect, it } from 'vitest';
import { BEFORE_EVERYTHING } from '../../src/cursor/snapshot.ts';
import { Looks } from '../../src/wake/looks.ts';
import { DeliveryFixture } from '../support/delivery-fixture.ts';

const fixture = new DeliveryFixture();

/** The looks of a session that has looked once. */
async function looking(run: (looks: Looks) => Promise<void>): Promise<void> {
  const client = await fixture.database.db.pool.connect();
  try {
    const looks = new Looks(client, fixture.database.db.names);
    await looks.look();
    await run(looks);
  } finally {
    client.release();
  }
}

it('tell what became visible since the last one, and bring it along', async () => {
  await looking(async (looks) => {
    await interest();
    expect(await looks.lookForNews()).toEqual({ ring: [] });
    const id = await fixture.notify({ a: 1 }, 'k');
    await fixture.notify({ b: 2 }, null, 'other');
    const { ring, news } = await looks.lookForNews();
    expect([...ring].sort()).toEqual(['other', fixture.name()].sort());
    if (news === undefined) throw new Error('Nothing was brought.');
    const batch = news.after({ seen: news.since, window: undefined }, await interest());
    expect(batch?.rows).toMatchObject([{ id, key: 'k', json: '{"a": 1}' }]);
    expect(await looks.lookForNews()).toEqual({ ring: [] });
  });
});

it('miss nothing of a transaction that ends late', async () => {
  const late = await fixture.database.pool.connect();
  try {
    await looking(async (looks) => {
      await late.query('begin');
      await late.query('select smart_notify($1)', ['late']);
      await fixture.notify();
      expect((await looks.lookForNews()).ring).toEqual([fixture.name()]);
      await fixture.notify();
      expect((await looks.lookForNews()).ring).toEqual([fixture.name()]);
      await late.query('commit');
      expect((await looks.lookForNews()).ring).toEqual(['late']);
    });
  } finally {
    late.release();
  }
});

it('bring nothing along for a while where nobody takes it, and still tell of it', async () => {
  await looking(async (looks) => {
    const brought: boolean[] = [];
    for (let n = 0; n < 12; n += 1) {
      await fixture.notify();
      const { ring, news } = await looks.lookForNews();
      expect(ring).toEqual([fixture.name()]);
      brought.push(news !== undefined);
    }
    expect(brought).toContain(true);
    expect(brought).toContain(false);
  });
});

it('bring along what is taken, however long', async () => {
  await looking(async (looks) => {
    let seen = BEFORE_EVERYTHING;
    const wanted = await interest();
    for (let n = 0; n < 30; n += 1) {
      await fixture.notify();
      const { news } = await looks.lookForNews();
      if (news === undefined) throw new Error('Nothing was brought.');
      seen = n === 0 ? news.since : seen;
      expect(news.since).toBe(seen);
      news.after({ seen, window: undefined }, wanted);
      expect(news.isTaken).toBe(true);
      seen = news.until;
    }
  });
});

it.each([
  [
    'more than it may',
    () =>
      fixture.database.query('select smart_notify($1) from generate_series(1, 400)', [
        fixture.name(),
      ]),
  ],
  ['something large', () => fixture.notify('x'.repeat(10_000))],
])('bring nothing along of %s, and tell the channels', async (_, write) => {
  await looking(async (looks) => {
    await write();
    const { ring, news } = await looks.lookForNews();
    expect(ring).toEqual([fixture.name()]);
    expect(news).toBeUndefined();
    expect(await looks.lookForNews()).toEqual({ ring: [] });
  });
});

/** Of a consumer that is claimed now. */
async function interest() {
  await fixture.database.query(
    'insert into pgwatch.server_life default values on conflict do nothing',
  );
  const { rows } = await fixture.database.query<{ id: string }>(
    'select id from pgwatch.server_life',
  );
  return {
    channels: [fixture.name()],
    partition: { number: 0, of: 1 },
    life: rows[0]?.id ?? '',
  };
}
