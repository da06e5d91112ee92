import { type Queryable, query } from '../db/queryable.ts';

/**
 * A transaction that has written something and is not over. What it wrote to the log is handled when
 * it commits; until then every snapshot names it, and dead rows pile up.
 */
export interface OldestWriter {
  /** The backend's process; undefined: it is prepared for two-phase commit, without any. */
  readonly pid: number | undefined;
  /** The name it was prepared under. */
  readonly prepared: string | undefined;
  readonly database: string;
  readonly role: string | undefined;
  /** As it told the server. */
  readonly application: string | undefined;
  /** How long the transaction has been running. */
  readonly seconds: number;
  readonly xid: string;
}

interface Row {
  pid: number | null;
  prepared: string | null;
  database: string;
  role: string | null;
  application: string | null;
  seconds: number;
  xid: string;
}

/** The oldest writer of the cluster, in whatever database. Roles see others' only when they may. */
export async function findOldestWriter(db: Queryable): Promise<OldestWriter | undefined> {
  return (await findWriters(db, 1))[0];
}

/** The oldest writers of the cluster, the oldest first. */
export async function findWriters(db: Queryable, limit: number): Promise<OldestWriter[]> {
  const rows = await query<Row>(
    db,
    `select * from (
       select pid, null::text as prepared, datname::text as database, usename::text as role,
              nullif(application_name, '') as application,
              date_part('epoch', clock_timestamp() - xact_start) as seconds,
              backend_xid::text as xid
       from pg_stat_activity
       where backend_xid is not null and pid <> pg_backend_pid() and datname is not null
       union all
       select null, gid, database::text, owner::text, null,
              date_part('epoch', clock_timestamp() - prepared), transaction::text
       from pg_prepared_xacts
     ) writers
     order by seconds desc nulls last
     limit $1`,
    [limit],
  );
  return rows.map((row) => ({
    pid: row.pid ?? undefined,
    prepared: row.prepared ?? undefined,
    database: row.database,
    role: row.role ?? undefined,
    application: row.application ?? undefined,
    seconds: row.seconds ?? 0,
    xid: row.xid,
  }));
}

/** Whether this role sees the transactions of other roles. Without, only its own are told. */
export async function seesWritersOfOthers(db: Queryable): Promise<boolean> {
  const [row] = await query<{ sees: boolean }>(
    db,
    `select pg_has_role('pg_read_all_stats', 'usage') as sees`,
    [],
  );
  return row?.sees === true;
}
