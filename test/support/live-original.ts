import { expect, onTestFinished } from 'vitest';
import type { TestDatabasePlace } from './database.ts';
import { createInstalledDatabase, type InstalledDatabase } from './installed-database.ts';
import { recordingConsumer } from './recording-consumer.ts';
import { startDaemon } from './running-daemon.ts';

/** A database with pgwatch in it until the test ends. */
export async function installed(place: TestDatabasePlace = {}): Promise<InstalledDatabase> {
  const database = await createInstalledDatabase({}, place);
  onTestFinished(() => database.drop());
  return database;
}

/** Sends a notification, and says its id. */
export async function send(
  database: InstalledDatabase,
  channel: string,
  key?: string,
): Promise<number> {
  const { rows } = await database.query<{ id: string }>(`select smart_notify($1, '{}', $2) as id`, [
    channel,
    key,
  ]);
  return Number(rows[0]?.id);
}

/** Runs a consumer until it has handled all there is, and says what that was. */
export async function run(
  database: InstalledDatabase,
  id: string,
  channels: string[],
  options: Parameters<typeof recordingConsumer>[2] = {},
): Promise<number[]> {
  const { consumer, ids } = recordingConsumer(id, channels, options);
  await startDaemon(database.db, [consumer], { once: true }).ended;
  return ids();
}

/** An installation in the middle of its life, and what its consumers have not handled. */
export async function liveOriginal(place: TestDatabasePlace = {}) {
  const original = await installed(place);
  const skipped = [await send(original, 'x'), await send(original, 'y')];
  await run(original, 'from_now', ['x'], { start: 'latest' });
  expect(await run(original, 'level', ['x', 'y'])).toEqual(skipped);

  // One commits late, after newer ones were handled.
  const late = await original.pool.connect();
  await late.query('begin');
  const lateId = Number((await late.query(`select smart_notify('x') as id`)).rows[0]?.id);
  await send(original, 'x');
  expect(await run(original, 'level', ['x', 'y'])).toHaveLength(1);
  await late.query('commit');
  late.release();

  const retried = await send(original, 'y', 'k');
  const buried = await send(original, 'y');
  await run(original, 'failing', ['y'], {
    handle: ({ notificationLogId }) => {
      if (notificationLogId >= retried) throw new Error('not today');
    },
    retry: { minDelaySeconds: 0, maxDelaySeconds: 0, maxAttempts: 1 },
  });
  await original.query(
    `update pgwatch.redelivery set state = 'retry', due_at = now() where notification_id = $1`,
    [retried],
  );

  // In the middle of a window.
  const inWindow = [
    await send(original, 'z'),
    await send(original, 'z'),
    await send(original, 'z'),
  ];
  await run(original, 'paging', ['z'], { start: 'latest' });
  await original.query(
    `update pgwatch.consumer_cursor
     set seen = '1:1:', until = pg_current_snapshot(), last_id = $1
     where consumer_id = (select id from pgwatch.consumer where name = 'paging')`,
    [inWindow[0]],
  );
  await original.query(`update pgwatch.consumer set start_seen = '1:1:' where name = 'paging'`);
  const newest = await send(original, 'z');
  return {
    original,
    buried,
    retried,
    pending: {
      level: [lateId, retried, buried],
      from_now: [lateId, lateId + 1],
      paging: [...inWindow.slice(1), newest],
      failing: [retried],
    },
    /** Handled or skipped on channel x by the consumer from_now. */
    skippedOnY: skipped.slice(1),
  };
}
