import { quoteIdentifier } from '../../db/names.ts';
import { query } from '../../db/queryable.ts';
import type { Finding, Patient } from './finding.ts';

const CHECK = 'session_replication_role';
const WHY = 'Sessions with it fire no capture triggers: what they write is not in the log.';

interface Row {
  database: string | null;
  role: string | null;
}

/** Whether anybody is given session_replication_role = replica, which turns triggers off. */
export async function checkReplicationRole({ db }: Patient): Promise<readonly Finding[]> {
  const rows = await query<Row>(
    db.pool,
    `select d.datname::text as database, r.rolname::text as role
     from pg_db_role_setting s
     left join pg_database d on d.oid = s.setdatabase
     left join pg_roles r on r.oid = s.setrole
     where (s.setdatabase = 0 or d.datname = current_database())
       and 'session_replication_role=replica' = any (s.setconfig)`,
    [],
  );
  const findings = rows.map((row): Finding => {
    return {
      check: CHECK,
      severity: 'problem',
      what: `${whose(row)} have session_replication_role = replica.`,
      why: WHY,
      mend: [`alter ${subject(row)} reset session_replication_role;`],
    };
  });
  const [own] = await query<{ value: string; source: string }>(
    db.pool,
    `select setting as value, source from pg_settings where name = 'session_replication_role'`,
    [],
  );
  if (own?.value === 'replica' && !['database', 'user', 'database user'].includes(own.source)) {
    findings.push({
      check: CHECK,
      severity: 'problem',
      what: `The server gives all sessions session_replication_role = replica (${own.source}).`,
      why: WHY,
      mend: ['alter system reset session_replication_role;', 'select pg_reload_conf();'],
    });
  }
  if (findings.length > 0) return findings;
  const what = 'No role and no database turns triggers off by session_replication_role.';
  return [{ check: CHECK, severity: 'ok', what }];
}

function whose({ database, role }: Row): string {
  const sessions = role === null ? 'Sessions' : `Sessions of the role ${role}`;
  return database === null ? sessions : `${sessions} in the database ${database}`;
}

function subject({ database, role }: Row): string {
  if (role === null) return `database ${quoteIdentifier(database ?? '')}`;
  const inDatabase = database === null ? '' : ` in database ${quoteIdentifier(database)}`;
  return `role ${quoteIdentifier(role)}${inDatabase}`;
}
