import { PgwatchError } from '../errors.ts';
import { quoteIdentifier } from './names.ts';
import { type Queryable, query } from './queryable.ts';

/**
 * Where a database's installation of pgwatch was made.
 *
 *   here              in this database
 *   another database  of the same cluster: a copy by `create database … template`, or a restored dump
 *   another cluster   a restored dump, or a cluster that pg_upgrade made
 *   the future        here, by its name; but it has transaction ids that were not given out yet
 */
export type Origin = 'here' | 'another database' | 'another cluster' | 'the future';

/** Where the installation in this schema was made. A few look-ups in indexes. */
export async function originOf(db: Queryable, schema: string): Promise<Origin> {
  const table = (name: string) => `${quoteIdentifier(schema)}.${name}`;
  const [row] = await query<{ cluster: boolean; database: boolean; ahead: boolean }>(
    db,
    `select
       exists (
         select from ${table('installation')}
         where system_identifier = (pg_control_system()).system_identifier
       ) as cluster,
       exists (
         select from ${table('installation')} i
         join pg_database d on d.oid = i.database_oid
         where d.datname = current_database()
       ) as database,
       exists (
         select from ${table('consumer_cursor')}
         where pg_snapshot_xmax(coalesce(until, seen)) > pg_snapshot_xmax(pg_current_snapshot())
       ) or coalesce((
         select xid >= pg_snapshot_xmax(pg_current_snapshot())
         from ${table('notification_log')} order by xid desc, id desc limit 1
       ), false) as ahead`,
    [],
  );
  if (row === undefined) throw new Error('The server did not tell where it is.');
  if (!row.cluster) return 'another cluster';
  if (!row.database) return 'another database';
  return row.ahead ? 'the future' : 'here';
}

const WHAT = {
  'another database':
    'This database is a copy: pgwatch was installed in another database of this cluster.',
  'another cluster':
    'This database is a copy: pgwatch was installed in another PostgreSQL cluster.',
  'the future':
    'This database has pgwatch’s tables of another time or place: they name transactions that are still to come.',
} as const satisfies Record<Exclude<Origin, 'here'>, string>;

/**
 * Makes sure that the installation was made in this very database. How far each consumer is stands
 * in snapshots, and those mean nothing in another cluster; and a copy of production, in whatever
 * cluster, must not handle production's notifications a second time.
 * @throws CLUSTER_CHANGED
 */
export async function assertSameCluster(db: Queryable, schema: string): Promise<void> {
  const origin = await originOf(db, schema);
  if (origin === 'here') return;
  throw new PgwatchError('CLUSTER_CHANGED', {
    what: WHAT[origin],
    why: "How far each consumer is, it has from there; and a copy of production must not handle production's notifications again.",
    hint: 'If this copy is to have consumers of its own, run `pgwatch adopt --skip-pending` (a test or staging copy: what was pending there is not handled here) or `pgwatch adopt --keep-pending` (this is production now: what was pending there is handled here).',
  });
}
