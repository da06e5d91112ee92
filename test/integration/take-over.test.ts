import { describe, expect, it } from 'vitest';
import type { Database } from '../../src/db/database.ts';
import { install } from '../../src/db/installation.ts';
import { smartNotify } from '../../src/log/append.ts';
import { DeliveryFixture, happened } from '../support/delivery-fixture.ts';
import { openAt } from '../support/open-database.ts';
import { startOwnServer } from '../support/own-server.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';
import { startDaemon } from '../support/running-daemon.ts';

const fixture = new DeliveryFixture();

describe('a process that takes a consumer over', () => {
  it('with one more channel gets all of that channel, whatever the other one passed', async () => {
    const [known, gained] = [fixture.name('known'), fixture.name('gained')];
    const old = recordingConsumer(fixture.name(), [known]);
    const first = await fixture.startLive([old.consumer]);
    const ids = [await fixture.notify('before', null, gained)];
    const young = recordingConsumer(fixture.name(), [known, gained]);
    const second = fixture.start([young.consumer]);
    await happened(second, 'waiting-for-lease');
    ids.push(await fixture.notify('between', null, gained));
    await fixture.notify('moves the cursor', null, known);
    await old.received.count(1);
    await first.stop();
    await happened(second, 'live');
    ids.push(await fixture.notify('after', null, gained));
    await young.received.count(3);
    expect(young.ids()).toEqual(ids);
  });

  it('skips nothing, even with skipPlayback', async () => {
    const config = { skipPlayback: true };
    const one = recordingConsumer(fixture.name(), [fixture.name()]);
    const first = await fixture.startLive([one.consumer], { config });
    const two = recordingConsumer(fixture.name(), [fixture.name()]);
    const second = fixture.start([two.consumer], { config });
    await happened(second, 'waiting-for-lease');
    const ids: number[] = [];
    const stopped = first.stop();
    for (let n = 0; n < 50; n += 1) ids.push(await fixture.notify(n));
    await stopped;
    await happened(second, 'live');
    ids.push(await fixture.notify('last'));
    await two.received.first(({ data }) => data === 'last');
    expect([...one.ids(), ...two.ids()]).toEqual(ids);
  });

  it('without the channel of a failed notification goes on with the others of its key', async () => {
    const [lost, kept] = [fixture.name('lost'), fixture.name('kept')];
    const failing = recordingConsumer(fixture.name(), [lost, kept], {
      retry: { minDelaySeconds: 3600, maxDelaySeconds: 3600 },
      handle: ({ channel }) => {
        if (channel === lost) throw new Error('not now');
      },
    });
    await fixture.notify('head', 'k', lost);
    const follower = await fixture.notify('follower', 'k', kept);
    await fixture.start([failing.consumer], { once: true }).ended;
    const sound = recordingConsumer(fixture.name(), [kept]);
    await fixture.startLive([sound.consumer]);
    const later = await fixture.notify('later', 'k', kept);
    await sound.received.count(2);
    expect(sound.ids()).toEqual([follower, later]);
  });
});

describe('a crash of the server', () => {
  it('hands transaction ids out again, and still nothing is passed over or overtaken', async () => {
    const server = await startOwnServer();
    const db = openAt(server.url);
    try {
      await install({ db, projectScripts: [], target: { kind: 'latest' }, onChange: () => {} });
      const { consumer, received } = recordingConsumer('crash', ['crash']);
      // Nothing is stored, and so found out, before something was handled.
      const daemon = startDaemon(db, [consumer], { config: { leaseSeconds: 60 } });
      await happened(daemon, 'live');
      // Transactions that leave nothing in the write-ahead log, and a fetch that has seen them.
      for (let n = 0; n < 40; n += 1) {
        const client = await db.pool.connect();
        await client.query('begin');
        await client.query(`select smart_notify('crash')`);
        await client.query('rollback');
        client.release();
      }
      await db.pool.query(`select pg_notify('pgwatch', 'crash')`);
      const last = await lastXid(db.pool);
      await server.suspend('immediate');
      await server.resume();
      expect(await lastXid(db.pool)).toBeLessThan(last);
      const sent: number[] = [];
      // At first with ids that the daemon's snapshot sees, then with ids that are new to it, too.
      for (let n = 0; n < 80; n += 1) {
        sent.push(await smartNotify(db.pool, 'crash', n, { key: 'k' }));
      }
      const firsts = await received.until((all) => {
        const ids = new Set(all.map(({ notificationLogId }) => notificationLogId));
        return sent.every((id) => ids.has(id)) && [...ids];
      });
      expect(firsts).toEqual(sent);
      await daemon.stop();
    } finally {
      await db.close();
      await server.stop();
    }
  });
});

/** Where the server stands with its transaction ids. */
async function lastXid(db: Database['pool']): Promise<number> {
  const { rows } = await db.query<{ xid: number }>(
    'select pg_snapshot_xmax(pg_current_snapshot())::text::int as xid',
  );
  return rows[0]?.xid ?? 0;
}
