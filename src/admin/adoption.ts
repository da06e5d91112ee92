import { sql, type Transaction } from 'kysely';
import { originOf } from '../db/clone-guard.ts';
import type { Database } from '../db/database.ts';
import { quoteIdentifier } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';
import type { Tables } from '../db/tables.ts';
import { PgwatchError } from '../errors.ts';
import { renumberLog, xidsTaken } from './renumber-log.ts';

/** What becomes of that which no consumer had handled when the copy was made. */
export type PendingFate = 'keep' | 'skip';

/** What an adoption kept to be handled, or skipped, of one consumer; retries included. */
export interface AdoptedConsumer {
  readonly consumer: string;
  readonly pending: number;
}

/**
 * Makes a copy of a database an installation of its own: cursors mean here what they meant there, and
 * the guard against copies is content. One transaction; writers of the log are not held up by it.
 *
 * Leases are copied with the rest and say nothing. Raised epochs and a new server life fence whoever
 * might still hold one.
 *
 * @returns undefined when the installation was made here: nothing is changed
 * @throws DAEMON_RUNNING
 */
export async function adopt(
  db: Database,
  fate: PendingFate,
): Promise<readonly AdoptedConsumer[] | undefined> {
  const { schema } = db.names;
  await passXids(db.pool, await xidsTaken(db.pool, schema));
  return db.kysely.transaction().execute(async (trx) => {
    const locked = ['consumer', 'consumer_cursor', 'redelivery', 'installation'] as const;
    const tables = locked.map((name) => sql.id(schema, name));
    await sql`lock table ${sql.join(tables)} in exclusive mode`.execute(trx);
    const origin = await originOf(trx, schema);
    if (origin === 'here') return undefined;
    await assertNoDaemon(trx, db);
    if (origin === 'the future' || !(await hasOriginalFiles(trx, schema))) {
      await renumberLog(trx, schema);
    }
    const pending = await countPending(trx, schema);
    if (fate === 'skip') await skipPending(trx);
    await settleHere(trx);
    return pending;
  });
}

/** Lets the cluster come to this transaction id; only one that is brand-new is not there yet. */
async function passXids(db: Queryable, xid: number): Promise<void> {
  for (let passed = false; !passed; ) {
    const [row] = await query<{ passed: boolean }>(
      db,
      'select pg_current_xact_id()::text::bigint > $1 as passed',
      [xid],
    );
    passed = row?.passed === true;
  }
}

/** The lock that every process which LISTENs holds is a session's, so no copy inherits it. */
async function assertNoDaemon(trx: Queryable, { names }: Database): Promise<void> {
  const [daemon] = await query<{ pid: number; role: string | null }>(
    trx,
    `select l.pid, a.usename::text as role
     from pg_locks l
     left join pg_stat_activity a on a.pid = l.pid
     where l.locktype = 'advisory' and l.granted and l.objsubid = 2
       and l.database = (select oid from pg_database where datname = current_database())
       and l.classid = ($1::bigint & 4294967295)::oid and l.objid = ($2::bigint & 4294967295)::oid
     limit 1`,
    [names.lockClass, names.presenceLock],
  );
  if (daemon === undefined) return;
  throw new PgwatchError('DAEMON_RUNNING', {
    what: `A daemon is running on this database: the server's process ${daemon.pid} is its session, of role ${daemon.role ?? 'unknown'}.`,
    why: 'It still goes by the cursors as they are.',
    hint: 'Stop every `pgwatch listen` on this database, then adopt it.',
  });
}

/**
 * Whether the files are the original's, as after pg_upgrade and `create database … template`: then
 * its transactions are known here by their ids, and every snapshot means what it meant.
 */
async function hasOriginalFiles(trx: Queryable, schema: string): Promise<boolean> {
  const [row] = await query<{ original: boolean }>(
    trx,
    `select xmin = written_by::xid as original from ${quoteIdentifier(schema)}.installation`,
    [],
  );
  return row?.original === true;
}

async function countPending(trx: Queryable, schema: string): Promise<AdoptedConsumer[]> {
  const table = (name: string) => `${quoteIdentifier(schema)}.${name}`;
  const rows = await query<{ consumer: string; pending: string | number }>(
    trx,
    `select c.name as consumer, (
       select count(*)
       from ${table('consumer_cursor')} p
       join ${table('notification_log')} log
         on log.xid >= pg_snapshot_xmin(p.seen) and log.channel = any (p.channels)
        and p.partition = ${table('partition_of')}(log.key, log.id, c.partitions)
       where p.consumer_id = c.id and not pg_visible_in_snapshot(log.xid, p.seen)
         and (p.until is null or log.id > p.last_id or not pg_visible_in_snapshot(log.xid, p.until))
         and not exists (
           select from ${table('redelivery')} r
           where r.consumer_id = c.id and r.notification_id = log.id)
     ) + (
       select count(*) from ${table('redelivery')} r where r.consumer_id = c.id and r.state = 'retry'
     ) as pending
     from ${table('consumer')} c
     order by c.name`,
    [],
  );
  return rows.map(({ consumer, pending }) => ({ consumer, pending: Number(pending) }));
}

/** Everything up to now counts as skipped: also for a consumer that gains a channel later. */
async function skipPending(trx: Transaction<Tables>): Promise<void> {
  await trx
    .updateTable('consumer_cursor')
    .set({ seen: sql`pg_current_snapshot()`, until: null, last_id: null })
    .execute();
  await trx.updateTable('consumer').set({ start_seen: sql`pg_current_snapshot()` }).execute();
  await trx.deleteFrom('redelivery').where('state', '=', 'retry').execute();
}

/** From now on the installation is this database's, and nobody runs its consumers. */
async function settleHere(trx: Transaction<Tables>): Promise<void> {
  await trx
    .updateTable('consumer_cursor')
    .set({
      epoch: sql`epoch + 1`,
      lease_owner: null,
      lease_until: null,
      updated_at: sql`now()`,
    })
    .execute();
  // Whoever splits a consumer anew begins that anew.
  await trx.updateTable('consumer').set({ next_partitions: null, closing_at: null }).execute();
  await trx.deleteFrom('server_life').execute();
  const here = {
    system_identifier: sql<string>`(pg_control_system()).system_identifier`,
    database_oid: sql<number>`(select oid from pg_database where datname = current_database())`,
    written_by: sql<string>`pg_current_xact_id()`,
  };
  await trx
    .insertInto('installation')
    .values(here)
    .onConflict((conflict) => conflict.column('singleton').doUpdateSet(here))
    .execute();
}
