import { afterEach, describe, expect, it } from 'vitest';
import type { Consumer, TransactionalContext } from '../../src/consumer/consumer.ts';
import { defineConsumer } from '../../src/consumer/define-consumer.ts';
import type { Notification } from '../../src/log/notification.ts';
import { DeliveryFixture, gate, happened } from '../support/delivery-fixture.ts';
import { EventLog } from '../support/event-log.ts';

const fixture = new DeliveryFixture();
const NOT_SOON = { minDelaySeconds: 3600, maxDelaySeconds: 3600 };

/** A consumer that inserts what it is given into a table of the test's own. */
async function inserting(
  options: {
    after?: (notification: Notification, context: TransactionalContext) => unknown;
    retry?: Partial<typeof NOT_SOON>;
    handlerTimeoutSeconds?: number;
  } = {},
): Promise<Consumer> {
  const { after, ...settings } = options;
  await fixture.database.query(
    `create table if not exists ${fixture.name('_done')} (id bigint, data jsonb,
       unique (id) deferrable initially deferred)`,
  );
  return defineConsumer({
    id: fixture.name(),
    channels: [fixture.name()],
    transactional: true,
    ...settings,
    async handle(notification, context) {
      await context.transaction
        .insertInto(fixture.name('_done'))
        .values({ id: notification.notificationLogId, data: notification.json })
        .execute();
      await after?.(notification, context);
    },
  });
}

async function done(): Promise<number[]> {
  const { rows } = await fixture.database.query<{ id: string }>(
    `select id from ${fixture.name('_done')} order by id`,
  );
  return rows.map(({ id }) => Number(id));
}

async function cursorPasses(id: number): Promise<boolean> {
  const { rows } = await fixture.database.query<{ passed: boolean }>(
    `select pg_visible_in_snapshot(log.xid, k.seen)
            or coalesce(pg_visible_in_snapshot(log.xid, k.until) and log.id <= k.last_id, false) as passed
     from pgwatch.consumer_cursor k join pgwatch.consumer c on c.id = k.consumer_id,
          pgwatch.notification_log log
     where c.name = $1 and log.id = $2`,
    [fixture.name(), id],
  );
  return rows[0]?.passed === true;
}

const gates: ReturnType<typeof gate>[] = [];
afterEach(() => {
  for (const one of gates.splice(0)) one.open();
});

describe('a transactional consumer', () => {
  it('commits what it writes together with its cursor', async () => {
    const ids = [await fixture.notify(1), await fixture.notify(2), await fixture.notify(3)];
    await fixture.start([await inserting()], { once: true }).ended;
    expect(await done()).toEqual(ids);
    expect(await cursorPasses(ids[2] ?? 0)).toBe(true);
  });

  it('has nothing committed while the handler runs, neither writes nor cursor', async () => {
    const [reached, finish] = [gate(), gate()];
    gates.push(finish);
    const consumer = await inserting({
      after: async () => {
        reached.open();
        await finish.opened;
      },
    });
    const daemon = await fixture.startLive([consumer]);
    const id = await fixture.notify();
    await reached.opened;
    expect(await done()).toEqual([]);
    expect(await cursorPasses(id)).toBe(false);
    finish.open();
    await happened(daemon, 'handled');
    expect(await done()).toEqual([id]);
    expect(await cursorPasses(id)).toBe(true);
  });

  it('that throws has that notification alone rolled back, and tried again', async () => {
    const ids = [
      await fixture.notify('sound'),
      await fixture.notify('fails once'),
      await fixture.notify('sound'),
    ];
    const consumer = await inserting({
      after: ({ data, attempt }) => {
        if (data === 'fails once' && attempt === 1) throw new Error('not yet');
      },
    });
    const daemon = await fixture.startLive([consumer]);
    await daemon.events.until(
      (all) => all.filter(({ type }) => type === 'handled').length === 3 || undefined,
    );
    expect(await done()).toEqual(ids);
    expect(await fixture.redeliveries(fixture.name())).toEqual([]);
  });

  it.each([
    [
      'fails at its commit',
      ({ transaction }: TransactionalContext, id: number) =>
        transaction.insertInto(fixture.name('_done')).values({ id, data: '"twice"' }).execute(),
    ],
    [
      'swallows an error of the database',
      ({ transaction }: TransactionalContext) =>
        transaction
          .selectFrom('no_such_table')
          .selectAll()
          .execute()
          .catch(() => {}),
    ],
  ])('that %s has failed', async (_, after) => {
    const consumer = await inserting({
      retry: NOT_SOON,
      after: ({ notificationLogId }, context) => after(context, notificationLogId),
    });
    const daemon = await fixture.startLive([consumer]);
    const id = await fixture.notify();
    await happened(daemon, 'retrying');
    expect(await done()).toEqual([]);
    expect(await fixture.redeliveries(fixture.name())).toMatchObject([{ notification_id: id }]);
  });

  it('that overruns its time limit leaves nothing, and can write no more', async () => {
    const late = new EventLog<unknown>();
    const finish = gate();
    gates.push(finish);
    const consumer = await inserting({
      retry: NOT_SOON,
      handlerTimeoutSeconds: 0.1,
      after: async ({ notificationLogId }, { transaction }) => {
        await finish.opened;
        const write = transaction
          .insertInto(fixture.name('_done'))
          .values({ id: notificationLogId + 1000, data: '"late"' })
          .execute();
        await write.catch((error: unknown) => late.add(error));
      },
    });
    const daemon = await fixture.startLive([consumer]);
    await fixture.notify();
    await happened(daemon, 'retrying');
    finish.open();
    await late.count(1);
    expect(String(late.all[0])).toContain('already rolled back');
    expect(await done()).toEqual([]);
  });

  it('whose lease was taken meanwhile cannot commit', async () => {
    const [reached, finish] = [gate(), gate()];
    gates.push(finish);
    let isFirst = true;
    const consumer = await inserting({
      after: async () => {
        if (!isFirst) return;
        isFirst = false;
        reached.open();
        await finish.opened;
      },
    });
    const daemon = await fixture.startLive([consumer]);
    const id = await fixture.notify();
    await reached.opened;
    await fixture.database.query(
      `update pgwatch.consumer_cursor k set epoch = epoch + 1, lease_owner = null, lease_until = null
       from pgwatch.consumer c where c.id = k.consumer_id and c.name = $1`,
      [fixture.name()],
    );
    finish.open();
    await happened(daemon, 'fenced');
    await happened(daemon, 'handled');
    expect(await done()).toEqual([id]);
  });

  it('whose backends are killed at any time handles everything exactly once', async () => {
    const consumer = await inserting();
    const daemon = await fixture.startLive([consumer]);
    const ids: number[] = [];
    for (let n = 0; n < 120; n += 1) {
      ids.push(await fixture.notify(n));
      if (n % 10 !== 5) continue;
      await fixture.database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where application_name = 'pgwatch' and datname = current_database() and query like '%${fixture.name()}%'`,
      );
      await fixture.database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where application_name = 'pgwatch' and datname = current_database() and random() < 0.5`,
      );
    }
    await expect.poll(async () => (await done()).length, { timeout: 30_000 }).toBe(120);
    expect(await done()).toEqual(ids);
    await daemon.stop();
  });
});

it.each([
  ['concurrency', { concurrency: 2, handle() {} }],
  ['handleBatch', { handleBatch() {} }],
])('transactional and %s do not go together, and that is said at once', (_, rest) => {
  const definition = { id: 'x', transactional: true as const, ...rest };
  expect(() => Reflect.apply(defineConsumer, undefined, [definition])).toThrow(/transactional/);
});
