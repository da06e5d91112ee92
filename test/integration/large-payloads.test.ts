import { expect, it } from 'vitest';
import { type Cursor, settleUpTo } from '../../src/cursor/cursor.ts';
import { BEFORE_EVERYTHING } from '../../src/cursor/snapshot.ts';
import { nextBatch } from '../../src/log/window-reader.ts';
import { DeliveryFixture, gate } from '../support/delivery-fixture.ts';
import { EventLog } from '../support/event-log.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';

const fixture = new DeliveryFixture();

/** What the number 1e131071 takes as text; in the log it takes 16 bytes. */
const DIGITS = 131_072;

/** A fetch that begins with a large one brings only this part of what it might. */
const LARGE_PARTS = 16;

it('a payload whose text nobody can hold is a dead letter, and what comes after it goes on', async () => {
  const { rows } = await fixture.database.query<{ id: string }>(
    `select smart_notify($1, (select jsonb_agg('1e131071'::jsonb) from generate_series(1, $2))) as id`,
    [fixture.name(), 2 ** 30 / DIGITS],
  );
  const next = await fixture.notify('next');
  const { consumer, ids } = recordingConsumer(fixture.name(), [fixture.name()]);
  await fixture.start([consumer], { once: true }).ended;
  expect(ids()).toEqual([next]);
  expect(await fixture.redeliveries(fixture.name())).toEqual([
    expect.objectContaining({
      notification_id: Number(rows[0]?.id),
      state: 'dead',
      attempt: 1,
      last_error: 'the text of its payload is too large: more than 536870888 bytes',
    }),
  ]);
});

it('a text is made as long as it has the bytes that are wanted at most', async () => {
  const { rows } = await fixture.database.query(
    `select pgwatch.text_of('"größ"', 8) as fits, pgwatch.text_of('"größ"', 7) as does_not`,
  );
  expect(rows).toEqual([{ fits: '"größ"', does_not: null }]);
});

/** How many notifications each fetch gives of all that there are. */
async function fetchSizes(limit: number): Promise<number[]> {
  const { db } = fixture.database;
  const { id: life } = await db.kysely
    .selectFrom('server_life')
    .select('id')
    .executeTakeFirstOrThrow();
  let cursor: Cursor = { seen: BEFORE_EVERYTHING, window: undefined };
  const sizes: number[] = [];
  for (let last = false; !last; ) {
    const batch = await nextBatch(db.pool, db.names, cursor, {
      interest: { channels: [fixture.name()], partition: { number: 0, of: 1 }, life },
      limits: { rows: 100, bytes: limit },
      upTo: undefined,
    });
    if (batch === undefined) throw new Error('The server is in another life.');
    sizes.push(batch.rows.length);
    last = batch.last;
    cursor = settleUpTo(batch.cursor, batch.rows.at(-1)?.id ?? 0);
  }
  return sizes;
}

it('payloads that are small in the log and large as text are fetched a few at a time', async () => {
  await fixture.database.query(
    `select smart_notify($1, '1e131071'::jsonb) from generate_series(1, 12)`,
    [fixture.name()],
  );
  expect(await fetchSizes(LARGE_PARTS * 5 * DIGITS)).toEqual([5, 5, 2]);
});

it('long keys count as payloads do, in one batch and in a window', async () => {
  const write = (count: number) =>
    fixture.database.query(
      `select smart_notify($1, '1', n || repeat('k', 99990)) from generate_series(1, $2) n`,
      [fixture.name(), count],
    );
  await write(2);
  expect(await fetchSizes(LARGE_PARTS * 250_000)).toEqual([2]);
  await write(5);
  expect(await fetchSizes(LARGE_PARTS * 250_000)).toEqual([2, 2, 2, 1]);
});

it('large ones that are due again are taken a few at a time, however many may run', async () => {
  const gates: ReturnType<typeof gate>[] = [];
  const running = new EventLog<number>();
  const small = new EventLog<number>();
  const { consumer } = recordingConsumer(fixture.name(), [fixture.name()], {
    concurrency: 6,
    retry: { minDelaySeconds: 0, maxDelaySeconds: 0 },
    async handle({ attempt, data, notificationLogId }) {
      if (data === 'small') return small.add(notificationLogId);
      if (attempt === 1) throw new Error('again');
      const end = gate();
      gates.push(end);
      running.add(notificationLogId);
      await end.opened;
    },
  });
  for (let n = 0; n < 6; n += 1) await fixture.notify('x'.repeat(600));
  await fixture.startLive([consumer], { config: { maxBatchBytes: 1024 } });
  for (let n = 1; n <= 6; n += 1) {
    await running.count(n);
    // Once it is handled, the loop has looked for more than what runs.
    await fixture.notify('small');
    await small.count(n);
    expect(running.all).toHaveLength(n);
    gates.at(-1)?.open();
  }
  await expect.poll(() => fixture.redeliveries(fixture.name())).toEqual([]);
});
