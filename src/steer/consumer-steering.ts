import { hasEnded, newLeaseOwner, shownOwner } from '../cursor/lease-owner.ts';
import type { Database } from '../db/database.ts';
import { type Names, qualified } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';
import { PgwatchError } from '../errors.ts';
import { unknownConsumer } from '../observe/unknown-consumer.ts';
import { STEERING_CHANNEL } from '../wake/steering-channel.ts';

type Place = Pick<Database, 'kysely' | 'pool' | 'names'>;

/**
 * Pauses a consumer: whoever runs it lets running handlers finish and begins nothing more, and nobody
 * takes it over. Its notifications wait in the log.
 * @returns false: it was paused already
 * @throws CONSUMER_UNKNOWN
 */
export async function pauseConsumer({ pool, names }: Place, consumer: string): Promise<boolean> {
  return setPaused(pool, names, consumer, true);
}

/**
 * Lets it go on where it was.
 * @returns false: it was not paused
 * @throws CONSUMER_UNKNOWN
 */
export async function resumeConsumer({ pool, names }: Place, consumer: string): Promise<boolean> {
  return setPaused(pool, names, consumer, false);
}

/**
 * Retires a consumer: its cursor and its redeliveries go, dead letters too, and clean-up does not wait
 * for it any more. If it is run again, it is a new one, which starts where new ones do.
 * @throws CONSUMER_UNKNOWN, CONSUMER_RUNNING: whoever runs it would only register it anew
 */
export async function forgetConsumer({ kysely, names }: Place, consumer: string): Promise<void> {
  await kysely.transaction().execute(async (trx) => {
    // Whoever claims its cursor takes a share of this lock.
    const found = await trx
      .selectFrom('consumer')
      .select('id')
      .where('name', '=', consumer)
      .forUpdate()
      .executeTakeFirst();
    if (found === undefined) throw await unknownConsumer(trx, names, consumer);
    await assertNobodyRuns(trx, names, consumer, found.id);
    await trx.deleteFrom('consumer').where('id', '=', found.id).execute();
    await query(trx, 'select pg_notify($1, $2)', [names.schema, STEERING_CHANNEL]);
  });
}

/**
 * Lends a transaction that changes redeliveries of a consumer beside the daemons that run it, and tells
 * them of it.
 * @throws CONSUMER_UNKNOWN, and what the task throws
 */
export async function steering<T>(
  { kysely, names }: Pick<Database, 'kysely' | 'names'>,
  consumer: string,
  task: (db: Queryable) => Promise<{ readonly result: T; readonly hasChanged: boolean }>,
): Promise<T> {
  return kysely
    .transaction()
    .setIsolationLevel('read committed')
    .execute(async (trx) => {
      await holdSplit(trx, names, consumer);
      const { result, hasChanged } = await task(trx);
      // In the same transaction, or whoever dies in between leaves it untold.
      if (hasChanged) await tellOfRedeliveries(trx, names, consumer);
      return result;
    });
}

/**
 * Keeps the consumer as it is split until the transaction ends: the partition that a redelivery is
 * written with has to be one that somebody runs. To be the first statement, so that the next one sees
 * what it has waited for. (Whoever claims a cursor takes the same share.)
 * @throws CONSUMER_UNKNOWN
 */
async function holdSplit(db: Queryable, names: Names, consumer: string): Promise<void> {
  const rows = await query(
    db,
    `select from ${qualified(names, 'consumer')} where name = $1 for key share`,
    [consumer],
  );
  if (rows.length === 0) throw await unknownConsumer(db, names, consumer);
}

async function tellOfRedeliveries(db: Queryable, names: Names, consumer: string): Promise<void> {
  await query(
    db,
    `update ${qualified(names, 'consumer')} set steered = steered + 1
     where name = $1 returning pg_notify($2, $3)`,
    [consumer, names.schema, STEERING_CHANNEL],
  );
}

async function setPaused(
  db: Queryable,
  names: Names,
  consumer: string,
  paused: boolean,
): Promise<boolean> {
  const [row] = await query<{ changed: boolean }>(
    db,
    `with found as (
       select id, paused_at is not null as paused from ${qualified(names, 'consumer')}
       where name = $1 for update
     ),
     changed as (
       update ${qualified(names, 'consumer')} c
       set paused_at = case when $2 then now() end, steered = steered + 1
       from found where c.id = found.id and found.paused <> $2
       returning pg_notify($3, $4)
     )
     select exists (select from changed) as changed from found`,
    [consumer, paused, names.schema, STEERING_CHANNEL],
  );
  if (row === undefined) throw await unknownConsumer(db, names, consumer);
  return row.changed;
}

async function assertNobodyRuns(db: Queryable, names: Names, consumer: string, id: number) {
  const rows = await query<{ owner: string }>(
    db,
    `select lease_owner as owner from ${qualified(names, 'consumer_cursor')}
     where consumer_id = $1 and lease_owner is not null and lease_until > clock_timestamp()`,
    [id],
  );
  const self = newLeaseOwner();
  const running = rows.find(({ owner }) => !hasEnded(owner, self));
  if (running === undefined) return;
  throw new PgwatchError('CONSUMER_RUNNING', {
    what: `The consumer "${consumer}" is run by ${shownOwner(running.owner)}.`,
    why: 'Handlers are at work on its notifications.',
    hint: 'Remove its module, or leave it out with --exclude-consumers, and restart that process; or pause it first. Then forget it.',
  });
}
