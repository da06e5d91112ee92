import { query } from '../../db/queryable.ts';
import type { Finding, Patient } from './finding.ts';
import { findSetting, settingMend, subjectOf } from './setting-source.ts';

const CHECK = 'session_replication_role';
const WHY = 'Sessions with it fire no capture triggers: what they write is not in the log.';

interface Row {
  database: string | null;
  role: string | null;
}

/** Who set it there is found for all roles, not only for this one. */
const FOUND_BY_ROLE: readonly string[] = ['database', 'user', 'database user', 'global'];

/** Whether anybody is given session_replication_role = replica, which turns triggers off. */
export async function checkReplicationRole({ db }: Patient): Promise<readonly Finding[]> {
  const rows = await query<Row>(
    db.pool,
    `select d.datname::text as database, r.rolname::text as role
     from pg_db_role_setting s
     left join pg_database d on d.oid = s.setdatabase
     left join pg_roles r on r.oid = s.setrole
     where (s.setdatabase = 0 or d.datname = current_database())
       and exists (
         select from unnest(s.setconfig) as one (setting)
         where lower(setting) = 'session_replication_role=replica')`,
    [],
  );
  const findings = rows.map(({ database, role }): Finding => {
    return {
      check: CHECK,
      severity: 'problem',
      what: `${whose(database, role)} have session_replication_role = replica.`,
      why: WHY,
      mend: [
        `alter ${subjectOf(database ?? undefined, role ?? undefined)} reset session_replication_role;`,
      ],
    };
  });
  const own = await findSetting(db.pool, CHECK);
  if (own?.value === 'replica' && !FOUND_BY_ROLE.includes(own.source)) {
    findings.push({
      check: CHECK,
      severity: 'problem',
      what:
        own.source === 'client'
          ? 'This session has session_replication_role = replica, by the options of its connection.'
          : `The server gives all sessions session_replication_role = replica (${own.source}).`,
      why: WHY,
      mend: settingMend(own, 'origin'),
    });
  }
  if (findings.length > 0) return findings;
  const what = 'No role and no database turns triggers off by session_replication_role.';
  return [{ check: CHECK, severity: 'ok', what }];
}

function whose(database: string | null, role: string | null): string {
  const sessions =
    role === null
      ? `${database === null ? 'All sessions' : 'Sessions'}`
      : `Sessions of the role ${role}`;
  return database === null ? sessions : `${sessions} in the database ${database}`;
}
