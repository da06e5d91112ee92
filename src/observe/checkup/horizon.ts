import { quoteIdentifier, quoteLiteral } from '../../db/names.ts';
import { type Queryable, query } from '../../db/queryable.ts';
import type { Finding, Patient } from './finding.ts';
import { spanText } from './span.ts';

const CHECK = 'horizon';
/** Transactions that have begun since: as many as make vacuum noticeably late. */
const OLD_XIDS = 1_000_000;

/** What keeps vacuum from removing dead rows: long readers, replication slots, standbys. */
export async function checkHorizon({ db, settings }: Patient): Promise<readonly Finding[]> {
  const findings = [
    ...(await longReaders(db.pool, settings.longTransactionSeconds)),
    ...(await slots(db.pool)),
    ...(await standbys(db.pool)),
  ];
  if (findings.length > 0) return findings;
  return [{ check: CHECK, severity: 'ok', what: 'Nothing keeps vacuum from its work for long.' }];
}

async function longReaders(db: Queryable, longSeconds: number): Promise<Finding[]> {
  const rows = await query<{ pid: number; seconds: number; role: string; state: string }>(
    db,
    `select pid, date_part('epoch', clock_timestamp() - xact_start) as seconds,
            usename::text as role, state
     from pg_stat_activity
     where backend_xmin is not null and backend_xid is null and pid <> pg_backend_pid()
       and backend_type = 'client backend' and clock_timestamp() - xact_start > make_interval(secs => $1)
     order by xact_start limit 10`,
    [longSeconds],
  );
  return rows.map(({ pid, seconds, role, state }) => ({
    check: CHECK,
    severity: 'warning',
    what: `The process ${pid} of role ${role} reads in one transaction for ${spanText(seconds)} (${state}).`,
    why: 'Rows that died since then cannot be removed, in no table.',
    mend: [`select pg_terminate_backend(${pid});`],
  }));
}

async function slots(db: Queryable): Promise<Finding[]> {
  const rows = await query<{
    name: string;
    active: boolean;
    behind: number | null;
    kept: string | number | null;
  }>(
    db,
    `select slot_name::text as name, active, age(xmin) as behind,
            pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint as kept
     from pg_replication_slots
     where not active or age(xmin) > $1`,
    [OLD_XIDS],
  );
  return rows.map(({ name, active, behind, kept }) => ({
    check: CHECK,
    severity: 'warning',
    what: active
      ? `The standby of the replication slot ${name} keeps rows of ${behind} transactions alive (hot_standby_feedback).`
      : `Nobody uses the replication slot ${name}; it keeps ${Math.round(Number(kept ?? 0) / 1024 / 1024)} MB of WAL.`,
    why: 'Until the disk is full, and then the server takes no writes; and dead rows stay.',
    mend: [
      active
        ? '-- end the long query on the standby, or there: alter system set hot_standby_feedback = off;'
        : `select pg_drop_replication_slot(${quoteLiteral(name).trim()});   -- if nobody is to use it again`,
    ],
  }));
}

async function standbys(db: Queryable): Promise<Finding[]> {
  const rows = await query<{ name: string; behind: number }>(
    db,
    `select application_name as name, age(backend_xmin) as behind
     from pg_stat_replication where age(backend_xmin) > $1`,
    [OLD_XIDS],
  );
  return rows.map(({ name, behind }) => ({
    check: CHECK,
    severity: 'warning',
    what: `The standby ${quoteIdentifier(name)} keeps rows of ${behind} transactions alive (hot_standby_feedback).`,
    mend: [
      '-- on the standby: alter system set hot_standby_feedback = off; select pg_reload_conf();',
    ],
  }));
}
