import { expect, it } from 'vitest';
import { History } from '../../src/admin/web/history.ts';
import { DeliveryFixture } from '../support/delivery-fixture.ts';

const fixture = new DeliveryFixture();

it('what was handled between two moments counts, however often it was read meanwhile', async () => {
  let now = Date.now();
  const history = new History(fixture.database.db, () => now);
  const read = async (afterSeconds: number, perSecond: number, lastId: number) => {
    now += afterSeconds * 1_000;
    await history.add({ rates: new Map([['mails', perSecond]]) }, lastId);
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
