import { isRecord } from '../../src/is-record.ts';
import { pauseConsumer } from '../../src/steer/consumer-steering.ts';
import type { InstalledDatabase } from './installed-database.ts';
import { recordingConsumer } from './recording-consumer.ts';
import { startDaemon } from './running-daemon.ts';

/** A shop's: orders that change, and consumers that had all kinds of luck with them. */
export interface LivelyLog {
  /** Has three dead letters. */
  readonly failing: string;
  /** Has retries that are not due soon. */
  readonly retrying: string;
  readonly paused: string;
  /** Has handled what was written first, and nothing since. */
  readonly behind: string;
  /** Dead for `failing`. */
  readonly dead: number;
  /** The newest change of an order that was changed before. */
  readonly change: number;
}

const CHANNEL = 'orders';

/** Fills an empty database. */
export async function fillLivelyLog(database: InstalledDatabase): Promise<LivelyLog> {
  const { db } = database;
  const change = (order: number, before: string, after: string) =>
    notify(database, changeOf(order, before, after), `public.orders:${order}`);
  const first = await change(1, 'open', 'paid');
  for (const order of [2, 3]) await change(order, 'open', 'paid');
  const fail = ({ data }: { readonly data: unknown }) => {
    throw new Error(`mailbox ${isRecord(data) ? data['id'] : ''} is full`);
  };
  const once = { maxAttempts: 1 };
  const notSoon = { minDelaySeconds: 3600, maxDelaySeconds: 3600 };
  const consumers = [
    recordingConsumer('failing_mails', [CHANNEL], { handle: fail, retry: once }),
    recordingConsumer('retrying_webhook', [CHANNEL], { handle: fail, retry: notSoon }),
    recordingConsumer('paused_report', [CHANNEL]),
    recordingConsumer('search_index', [CHANNEL]),
  ].map(({ consumer }) => consumer);
  await startDaemon(db, consumers, { once: true }).ended;
  await pauseConsumer(db, 'paused_report');
  for (const order of [4, 5]) await change(order, 'open', 'paid');
  await notify(database, { event: 'stock counted', articles: [17, 18] }, null, 'stock');
  return {
    failing: 'failing_mails',
    retrying: 'retrying_webhook',
    paused: 'paused_report',
    behind: 'search_index',
    dead: first,
    change: await change(1, 'paid', 'shipped'),
  };
}

async function notify(
  database: InstalledDatabase,
  payload: object,
  key: string | null,
  channel = CHANNEL,
): Promise<number> {
  const { rows } = await database.query<{ id: string }>(
    'select smart_notify($1, $2::jsonb, $3) as id',
    [channel, JSON.stringify(payload), key],
  );
  return Number(rows[0]?.id);
}

/** As a trigger captures it. */
function changeOf(id: number, before: string, after: string) {
  const row = { id, customer: 'Ada Lovelace', total: 42.5, items: ['tea', 'biscuits'] };
  return {
    schema: 'public',
    table: 'orders',
    action: 'UPDATE',
    id,
    old_data: { ...row, status: before, paid_at: null },
    new_data: { ...row, status: after, paid_at: '2026-11-24T10:00:00+00:00', note: 'in a hurry' },
    metadata: { user_id: '17', session_id: null, transaction_id: 4711 },
  };
}
