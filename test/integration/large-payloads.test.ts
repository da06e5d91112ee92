import { expect, it } from 'vitest';
import { type Cursor, settleUpTo } from '../../src/cursor/cursor.ts';
import { BEFORE_EVERYTHING } from '../../src/cursor/snapshot.ts';
import { nextBatch } from '../../src/log/window-reader.ts';
import { DeliveryFixture } from '../support/delivery-fixture.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';

const fixture = new DeliveryFixture();

/** What the number 1e131071 takes as text; in the log it takes 16 bytes. */
const DIGITS = 131_072;

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

it('payloads that are small in the log and large as text are fetched a few at a time', async () => {
  const limit = 5 * DIGITS;
  await fixture.database.query(
    `select smart_notify($1, '1e131071'::jsonb) from generate_series(1, 12)`,
    [fixture.name()],
  );
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
  expect(sizes).toEqual([5, 5, 2]);
});
