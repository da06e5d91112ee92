import { expect, it } from 'vitest';
import { History } from '../../src/admin/web/history.ts';
import { DeliveryFixture } from '../support/delivery-fixture.ts';

const fixture = new DeliveryFixture();

it('what was handled between two moments counts, however often it was read meanwhile', async () => {
  let now = Date.now();
  const history = new History(fixture.database.db);
  const read = async (afterSeconds: number, perSecond: number, lastId: number) => {
    now += afterSeconds * 1_000;
    const status = { rates: new Map([['mails', perSecond]]), log: { at: new Date(now) } };
    await history.add(status, lastId);
  };
  await read(0, 0, 100);
  const before = history.moments.length;
  await read(2, 50, 200);
  await read(2, 0, 250);
  await read(2, 20, 250);
  await read(2, 20, 250);
  expect(history.moments.slice(before)).toEqual([
    { at: now - 4_000, written: 37.5, handled: 25, rates: new Map([['mails', 25]]) },
    { at: now, written: 0, handled: 20, rates: new Map([['mails', 20]]) },
  ]);
});

it('of a server whose clock is behind that of the one before, it begins anew', async () => {
  const history = new History(fixture.database.db);
  const read = (at: Date, lastId: number) => history.add({ rates: new Map(), log: { at } }, lastId);
  const hourAhead = Date.now() + 3_600_000;
  await read(new Date(hourAhead), 100);
  await read(new Date(hourAhead + 5_000), 110);
  expect(history.within(60_000)).toMatchObject([{ at: hourAhead + 5_000 }]);
  const now = Date.now();
  await read(new Date(now), 200);
  await read(new Date(now + 5_000), 250);
  expect(history.moments.filter(({ at }) => at > now)).toMatchObject([
    { at: now + 5_000, written: 10 },
  ]);
});
