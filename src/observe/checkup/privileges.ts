import { type Names, qualified, quoteIdentifier } from '../../db/names.ts';
import { type NeededRight, neededRights, type Right } from '../../db/needed-rights.ts';
import { type Queryable, query } from '../../db/queryable.ts';
import { shellWord } from '../../shell-word.ts';
import { seesWritersOfOthers } from '../oldest-writer.ts';
import type { Finding, Patient } from './finding.ts';

const CHECK = 'privileges';

/** What each right is for. */
const COMMANDS = {
  consumer: 'run listen, tail and notify',
  cleanup: 'run cleanup',
} as const satisfies Record<Exclude<Right, 'producer'>, string>;

/** What this role may do, and whether everybody may write the log through pgwatch's functions. */
export async function checkPrivileges({ db }: Patient): Promise<readonly Finding[]> {
  const { pool, names } = db;
  const [row] = await query<{ role: string }>(pool, 'select current_user::text as role', []);
  const role = row?.role ?? '';
  const findings = [
    ...(await lacking(pool, names, role, 'consumer', 'problem')),
    ...(await lacking(pool, names, role, 'cleanup', 'note')),
    ...(await closedToProducers(pool, names)),
    ...(await powerlessFunctions(pool, names)),
    ...(await seesOthers(pool, role)),
  ];
  if (findings.some(({ severity }) => severity === 'problem')) return findings;
  return [
    { check: CHECK, severity: 'ok', what: `The role ${role} may do what listen needs.` },
    ...findings,
  ];
}

async function lacking(
  db: Queryable,
  names: Names,
  role: string,
  right: 'consumer' | 'cleanup',
  severity: 'problem' | 'note',
): Promise<Finding[]> {
  const missing = await missingRights(db, neededRights(names, right), role);
  if (missing.length === 0) return [];
  return [
    {
      check: CHECK,
      severity,
      what: `The role ${role} may not ${COMMANDS[right]}: it lacks ${missing.join('; ')}.`,
      mend: [
        `pgwatch migrate --grant-${right} ${shellWord(role)}   # as the role that installed pgwatch`,
      ],
    },
  ];
}

/** By default PUBLIC may; where that was revoked, roles have to be given it one by one. */
async function closedToProducers(db: Queryable, names: Names): Promise<Finding[]> {
  const missing = await missingRights(db, neededRights(names, 'producer'), 'public');
  if (missing.length === 0) return [];
  return [
    {
      check: CHECK,
      severity: 'note',
      what: `Not every role may send notifications and write captured tables: PUBLIC lacks ${missing.join('; ')}.`,
      why: 'A role that writes a captured table without it gets an error.',
      mend: ['pgwatch migrate --grant-producer <role>   # for each role that writes'],
    },
  ];
}

async function missingRights(
  db: Queryable,
  needed: readonly NeededRight[],
  role: string,
): Promise<string[]> {
  const rows = await query<{ lacks: string }>(
    db,
    `select format('%s on %s %s', n.privileges, n.kind, n.object) as lacks
     from jsonb_to_recordset($1::jsonb) as n (privileges text, kind text, object text)
     where case n.kind
       when 'schema' then not has_schema_privilege($2, (parse_ident(n.object))[1], n.privileges)
       when 'function' then not has_function_privilege($2, n.object, n.privileges)
       else exists (
         select from string_to_table(n.privileges, ', ') as one
         where not has_table_privilege($2, n.object, one))
     end`,
    [JSON.stringify(needed), role],
  );
  return rows.map(({ lacks }) => lacks);
}

/** They run with their owner's rights, which may have changed. */
async function powerlessFunctions(db: Queryable, names: Names): Promise<Finding[]> {
  const log = qualified(names, 'notification_log');
  const rows = await query<{ name: string; owner: string }>(
    db,
    `select p.proname as name, r.rolname as owner
     from pg_proc p
     join pg_namespace n on n.oid = p.pronamespace and n.nspname = $2
     join pg_roles r on r.oid = p.proowner
     where p.proname in ('append', 'append_many') and p.prosecdef
       and not has_table_privilege(p.proowner, $1, 'insert')`,
    [log, names.schema],
  );
  return rows.map(({ name, owner }) => ({
    check: CHECK,
    severity: 'problem',
    what: `The owner ${owner} of the function ${name}() may not write the log, and so nobody may.`,
    mend: [`grant insert, select on ${log} to ${quoteIdentifier(owner)};`],
  }));
}

async function seesOthers(db: Queryable, role: string): Promise<Finding[]> {
  if (await seesWritersOfOthers(db)) return [];
  return [
    {
      check: CHECK,
      severity: 'note',
      what: `The role ${role} does not see what other roles' sessions do: long writers and what holds back vacuum may be missing here.`,
      mend: [`grant pg_read_all_stats to ${quoteIdentifier(role)};`],
    },
  ];
}
