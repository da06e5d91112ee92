import { afterAll, beforeAll, expect, it } from 'vitest';
import { renumberLog } from '../../src/admin/renumber-log.ts';
import { createInstalledDatabase, type InstalledDatabase } from '../support/installed-database.ts';
import { LogModel, xidOf } from '../support/log-model.ts';

let test: InstalledDatabase;

beforeAll(async () => {
  test = await createInstalledDatabase();
});
afterAll(() => test.drop());

/** The same numbers at each run: mulberry32. */
function randomFrom(seed: number) {
  let state = seed;
  return (below: number) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** A log with transactions of all kinds, and the snapshots of some moments of its life. */
function randomHistory(random: (below: number) => number) {
  const log = new LogModel(['c']);
  const snapshots = ['1:1:'];
  let running = [log.begin()];
  for (let step = 0; step < 120; step += 1) {
    const transaction = running[random(running.length)];
    if (transaction === undefined || random(3) === 0) running.push(log.begin());
    else if (random(4) === 0) log.takeXid(transaction);
    else if (random(2) === 0) log.write(transaction, { channel: 'c', key: null, bytes: 1 });
    else log.end(transaction, random(5) === 0 ? 'rolled back' : 'committed');
    running = running.filter(({ state }) => state === 'running');
    if (random(8) === 0) snapshots.push(log.snapshot());
  }
  for (const transaction of running) log.end(transaction, 'committed');
  return {
    rows: log.rows.filter(({ transaction }) => transaction.state === 'committed'),
    snapshots,
  };
}

/** Of each snapshot that the consumers have, in the order of their ids, the rows visible in it. */
async function whatIsVisible(): Promise<unknown[]> {
  const { rows } = await test.query(`
    select c.id, held.name,
           array(select log.id from pgwatch.notification_log log
                 where pg_visible_in_snapshot(log.xid, snapshot) order by 1) as visible
    from pgwatch.consumer c
    join pgwatch.consumer_cursor p on p.consumer_id = c.id
    cross join lateral (values ('start', start_seen), ('seen', seen), ('until', until))
      as held (name, snapshot)
    order by 1, 2`);
  return rows;
}

it.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'changes nothing of which row is visible in which snapshot (history %i)',
  async (seed) => {
    const random = randomFrom(seed);
    const { rows, snapshots } = randomHistory(random);
    const some = () => snapshots[random(snapshots.length)];
    await test.query('truncate pgwatch.consumer, pgwatch.notification_log cascade');
    // The ids of the model are small; here they are those of a cluster far ahead or long past.
    const offset = seed % 2 === 0 ? 5_000_000_000 : 0;
    const moved = (snapshot: string | undefined) =>
      snapshot === '1:1:'
        ? snapshot
        : snapshot?.replace(/\d+/g, (xid) => `${offset + Number(xid)}`);
    for (const { id, transaction } of rows) {
      await test.query(
        `insert into pgwatch.notification_log (id, xid, channel, payload)
         overriding system value values ($1, $2::text::xid8, 'c', '0')`,
        [
          id,
          String(offset + Number(xidOf({ id, transaction, channel: 'c', key: null, bytes: 1 }))),
        ],
      );
    }
    for (let consumer = 0; consumer < 6; consumer += 1) {
      await test.query(
        `with added as (
           insert into pgwatch.consumer (name, start_seen)
           values ($1, $2::pg_snapshot) returning id
         )
         insert into pgwatch.consumer_cursor (consumer_id, channels, seen, until, last_id)
         select id, '{c}', $3::pg_snapshot, $4::pg_snapshot, case when $4 is not null then 7 end from added`,
        [`c${consumer}`, moved(some()), moved(some()), random(2) === 0 ? null : moved(some())],
      );
    }
    const before = await whatIsVisible();
    await test.db.kysely.transaction().execute((trx) => renumberLog(trx, 'pgwatch'));
    expect(await whatIsVisible()).toEqual(before);

    const { rows: ahead } = await test.query(
      `select from pgwatch.notification_log where xid >= pg_snapshot_xmin(pg_current_snapshot())
       union all
       select from pgwatch.consumer_cursor
       where pg_snapshot_xmax(coalesce(until, seen)) > pg_snapshot_xmin(pg_current_snapshot())`,
    );
    expect(ahead).toEqual([]);
  },
);
