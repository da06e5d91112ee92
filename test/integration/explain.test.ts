import pg from 'pg';
import { describe, expect, it, vi } from 'vitest';
import { grantRights } from '../../src/admin/rights.ts';
import { explanationText } from '../../src/cli/explain-report.ts';
import { explainNotification, type PresentNotification } from '../../src/observe/explanation.ts';
import type { AbsentNotification } from '../../src/observe/missing-notification.ts';
import { pauseConsumer } from '../../src/steer/consumer-steering.ts';
import { DeliveryFixture, gate, happened } from '../support/delivery-fixture.ts';
import { openAt } from '../support/open-database.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';
import { createRole } from '../support/role.ts';

const fixture = new DeliveryFixture();
const NOT_SOON = { minDelaySeconds: 3600, maxDelaySeconds: 3600, maxAttempts: 5 };

async function present(id: number, consumer?: string): Promise<PresentNotification> {
  const explanation = await explainNotification(fixture.database.db, id, consumer);
  if (explanation.kind !== 'present') throw new Error(`It is ${explanation.absence}.`);
  return explanation;
}

async function absent(id: number): Promise<AbsentNotification> {
  const explanation = await explainNotification(fixture.database.db, id, undefined);
  if (explanation.kind !== 'absent') throw new Error('It is there.');
  return explanation;
}

const text = async (...of: Parameters<typeof present>) =>
  explanationText(await present(...of), Number.POSITIVE_INFINITY);

describe('a notification of the log', () => {
  it('is explained for all that have its channel, and it is said who has not, and why', async () => {
    const id = await fixture.notify({ table: 'users', action: 'INSERT', id: 7 }, 'k');
    const good = recordingConsumer(`${fixture.name()}good`, [fixture.name()]);
    const bad = recordingConsumer(`${fixture.name()}bad`, [fixture.name()], {
      handle: () => {
        throw new Error('no');
      },
      retry: { maxAttempts: 1 },
    });
    const late = recordingConsumer(`${fixture.name()}late`, [fixture.name()], { start: 'latest' });
    const other = recordingConsumer(`${fixture.name()}other`, ['elsewhere']);
    const consumers = [good, bad, late, other].map(({ consumer }) => consumer);
    await fixture.start(consumers, { once: true }).ended;
    const told = await text(id);
    expect(told).toMatch(
      new RegExp(`^Notification ${id} on the channel ${fixture.name()}: users INSERT 7\n`),
    );
    expect(told).toMatch(/written .* by transaction \d+; committed\b.*, so everybody sees it/);
    expect(told).toContain(`\n${good.consumer.id}: handled\n`);
    expect(told).toMatch(
      new RegExp(
        `\n${bad.consumer.id}: dead\n  given up after 1 attempt, .*\n  last error: Error: no\n`,
      ),
    );
    expect(told).toContain(`\n${late.consumer.id}: skipped\n`);
    expect(told).toContain(`${other.consumer.id}: not for it, it has not the channel`);
    const one = await present(id, good.consumer.id);
    expect(one.consumers).toHaveLength(1);
    expect(one.notFor).toEqual([]);
    await expect(present(id, 'nobody')).rejects.toMatchObject({ code: 'CONSUMER_UNKNOWN' });
  });

  it('that is retried tells attempts and error, and what waits behind it says so', async () => {
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: () => {
        throw new Error('no connection');
      },
      retry: NOT_SOON,
    });
    const daemon = await fixture.startLive([consumer]);
    const first = await fixture.notify('first', 'k');
    await happened(daemon, 'retrying');
    const second = await fixture.notify('second', 'k');
    await expect.poll(() => fixture.redeliveries(consumer.id)).toHaveLength(2);
    const told = await text(first);
    expect(told).toContain('failed once\n  last error: Error: no connection\n  due in 60m');
    expect(told).toContain('run by process');
    expect(await text(second)).toContain(
      `waits behind notification ${first} of the same key, which is due in 60m, has failed 1 time: Error: no connection`,
    );
  });

  it('that was handled in the end tells attempts and error while they are noted', async () => {
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()]);
    const id = await fixture.notify();
    const note = (attempts: number, error: string | null) =>
      fixture.database.query(
        `insert into pgwatch.redelivery as r (consumer_id, notification_id, channel, reason, state, attempt, last_error)
         select id, $1, $2, 'failure', 'handled', $3, $4 from pgwatch.consumer where name = $5
         on conflict (consumer_id, notification_id) do update
         set attempt = excluded.attempt, last_error = excluded.last_error`,
        [id, fixture.name(), attempts, error, consumer.id],
      );
    await fixture.start([consumer], { once: true }).ended;
    expect(await text(id)).toContain('the cursor has passed it, and nothing is noted of it');
    await note(2, 'Error: no connection');
    const told = await text(id);
    expect(told).toMatch(
      /handled\n {2}noted as handled .* the stored cursor has not passed it yet/,
    );
    expect(told).toContain('before that it had failed 2 times\n  last error: Error: no connection');
    expect(told).not.toContain('nothing is noted');
    await note(0, null);
    expect(await text(id)).not.toMatch(/failed|last error/);
  });

  it('is told by the clock of the server, with commands that a shell takes as they are meant', async () => {
    const id = await fixture.notify();
    const { consumer } = recordingConsumer(`${fixture.name()} it's`, [fixture.name()]);
    await fixture.start([consumer], { once: true }).ended;
    const later = await fixture.notify();
    await pauseConsumer(fixture.database.db, consumer.id);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3 * 86_400_000 });
    try {
      expect(await text(id)).toMatch(/written \S+, [\d.]+s ago/);
      expect(await text(later)).toContain(`\`pgwatch resume '${fixture.name()} it'\\''s'\` lets`);
    } finally {
      vi.useRealTimers();
    }
  });

  it('that is pending says what it waits for', async () => {
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()]);
    await fixture.start([consumer], { once: true }).ended;
    const ids = [await fixture.notify(1), await fixture.notify(2), await fixture.notify(3)];
    const told = await text(ids[2] ?? 0);
    expect(told).toContain(
      `${consumer.id}: pending\n  2 pending notifications come before it, the earliest is ${ids[0]}\n`,
    );
    expect(told).toContain('nobody runs it: start `pgwatch listen`');
    await fixture.database.query(
      `update pgwatch.consumer_cursor set lease_owner = 'a/1', lease_until = now() - interval '1 min'`,
    );
    expect(await text(ids[0] ?? 0)).toContain('has not renewed its lease');
    await pauseConsumer(fixture.database.db, consumer.id);
    expect(await text(ids[0] ?? 0)).toContain(`\`pgwatch resume ${consumer.id}\` lets it go on`);
  });

  it('that lies in a playback, or after it, says how far that is', async () => {
    const ids: number[] = [];
    for (let n = 0; n < 90; n += 1) ids.push(await fixture.notify(n));
    const { opened, open } = gate();
    const { consumer, received } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: async ({ data }) => {
        if (data === 10) await opened;
      },
    });
    const daemon = fixture.start([consumer], { config: { maxBatchSize: 4 } });
    await received.count(11);
    const stopped = daemon.stop();
    open();
    await stopped;
    const later = await fixture.notify('later');
    const last = ids.at(-1) ?? 0;
    const handled = received.all.length;
    const inside = await present(last);
    expect(inside.consumers[0]?.pending).toMatchObject({ inWindow: true });
    expect(inside.pendingBefore?.get(consumer.id)?.count).toBe(90 - handled - 1);
    const after = await present(later);
    expect(after.consumers[0]?.pending).toMatchObject({ inWindow: false, wasRunning: false });
    expect(after.pendingBefore?.get(consumer.id)?.count).toBe(90 - handled);
    expect(await text(later)).toMatch(
      /the consumer plays back, has come to id \d+, and it comes after/,
    );
  });
});

it('a notification whose transaction ended late is told to be one', async () => {
  const client = new pg.Client(fixture.database.url);
  await client.connect();
  await client.query('begin');
  const { rows } = await client.query<{ id: string }>('select smart_notify($1)::text as id', [
    fixture.name(),
  ]);
  await fixture.notify();
  const { consumer } = recordingConsumer(fixture.name(), [fixture.name()]);
  await fixture.start([consumer], { once: true }).ended;
  await client.query('commit');
  await client.end();
  expect(await text(Number(rows[0]?.id))).toContain(
    'its transaction was still running when the consumer last looked',
  );
});

describe('an id that the log does not have', () => {
  it('was never given out', async () => {
    const id = await fixture.notify();
    expect(await absent(id + 1000)).toMatchObject({ absence: 'never given out' });
  });

  it('is held by an open transaction, or was rolled back', async () => {
    const client = new pg.Client(fixture.database.url);
    await client.connect();
    try {
      await client.query('begin');
      const { rows } = await client.query<{ id: string; pid: number }>(
        'select smart_notify($1)::text as id, pg_backend_pid() as pid',
        [fixture.name()],
      );
      const id = Number(rows[0]?.id);
      await fixture.notify();
      const open = await absent(id);
      expect(open.absence).toBe('perhaps open');
      expect(open.writers.map(({ pid }) => pid)).toContain(rows[0]?.pid);
      await client.query('rollback');
      await expect.poll(async () => (await absent(id)).absence).toBe('over');
    } finally {
      await client.end();
    }
  });

  it('was cleaned up', async () => {
    const id = await fixture.notify();
    await fixture.database.query('delete from pgwatch.notification_log where id <= $1', [id]);
    await fixture.notify();
    await expect.poll(async () => (await absent(id)).absence).toBe('cleaned up');
  });

  it('cannot be told of by a role that may not ask', async (test) => {
    const role = await createRole(test);
    const id = await fixture.notify();
    const rights = { producer: [], consumer: [role.name], cleanup: [] };
    await grantRights(fixture.database.db, rights);
    const db = openAt(role.url(fixture.database.url));
    try {
      expect(await explainNotification(db, id + 1000, undefined)).toMatchObject({
        absence: 'unknown',
        seesOwnOnly: true,
      });
    } finally {
      await db.close();
      await fixture.database.query(`drop owned by ${role.name}`);
    }
  });
});
