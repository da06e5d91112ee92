import type { Database } from '../db/database.ts';
import { type Names, qualified } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';
import { type ConsumerStory, readConsumerStories } from './consumer-story.ts';
import { type AbsentNotification, explainAbsence } from './missing-notification.ts';
import { type NotificationRecord, readNotification } from './notification-record.ts';
import { countPendingBefore, type PendingBefore } from './pending-before.ts';
import { reading } from './reading.ts';
import { serversNow } from './time.ts';
import { assertKnownConsumer } from './unknown-consumer.ts';

/** All that can be told of one notification. */
export type Explanation = PresentNotification | AbsentNotification;

export interface PresentNotification {
  readonly kind: 'present';
  /** When this was read, by the server's clock, as all times here. */
  readonly at: Date;
  readonly record: NotificationRecord;
  /** When its transaction committed; undefined where the server does not note it, or no longer does. */
  readonly committedAt: Date | undefined;
  readonly consumers: readonly ConsumerStory[];
  /** What comes before it, for those of whom it is pending; undefined: it could not be counted. */
  readonly pendingBefore: ReadonlyMap<string, PendingBefore> | undefined;
  /** Those that do not have its channel. */
  readonly notFor: readonly OtherConsumer[];
}

export interface OtherConsumer {
  readonly consumer: string;
  readonly channels: readonly string[];
}

/** What of the payload's text is read at the most. */
const PAYLOAD_BYTES = 1_000_000;

/**
 * Tells the story of a notification, for all consumers or for one.
 * @throws CONSUMER_UNKNOWN
 */
export async function explainNotification(
  { pool, names }: Pick<Database, 'pool' | 'names'>,
  id: number,
  consumer: string | undefined,
): Promise<Explanation> {
  const told = await reading(pool, async (db): Promise<Explanation> => {
    if (consumer !== undefined) await assertKnownConsumer(db, names, consumer);
    const record = await readNotification(db, names, id, PAYLOAD_BYTES);
    if (record === undefined) return explainAbsence(db, names, id);
    const isWanted = ({ consumer: name }: { consumer: string }) =>
      consumer === undefined || name === consumer;
    const consumers = await readConsumerStories(db, names, record);
    const notFor = await readOthers(db, names, record.channel);
    return {
      kind: 'present',
      at: await serversNow(db),
      record,
      committedAt: await readCommitTime(db, record.xid),
      consumers: consumers.filter(isWanted),
      notFor: notFor.filter(isWanted),
      pendingBefore: undefined,
    };
  });
  if (told.kind === 'absent' || told.consumers.every(({ pending }) => pending === undefined)) {
    return told;
  }
  return { ...told, pendingBefore: await countPendingBefore(pool, names, id) };
}

async function readOthers(db: Queryable, names: Names, channel: string): Promise<OtherConsumer[]> {
  return query<{ consumer: string; channels: string[] }>(
    db,
    `select c.name as consumer, array_agg(distinct ch.channel order by ch.channel) as channels
     from ${qualified(names, 'consumer')} c
     join ${qualified(names, 'consumer_cursor')} p on p.consumer_id = c.id
     cross join unnest(p.channels) as ch (channel)
     group by c.name
     having not bool_or(ch.channel = $1)
     order by c.name`,
    [channel],
  );
}

async function readCommitTime(db: Queryable, xid: string): Promise<Date | undefined> {
  const [setting] = await query<{ on: boolean }>(
    db,
    `select current_setting('track_commit_timestamp')::boolean as on`,
    [],
  );
  if (setting?.on !== true) return undefined;
  const [row] = await query<{ at: Date | null }>(
    db,
    'select pg_xact_commit_timestamp($1::xid8::xid) as at',
    [xid],
  );
  return row?.at ?? undefined;
}
