import { originOf } from '../../db/clone-guard.ts';
import { explainConnectionError } from '../../db/connection-error.ts';
import { explainMissingRights } from '../../db/missing-rights.ts';
import { assertFunctionsSchema, assertSchema, assertServerVersion } from '../../db/schema-check.ts';
import { PgwatchError } from '../../errors.ts';
import { redactUrl } from '../../redact.ts';
import type { Finding, Patient } from './finding.ts';

/** What was found, and whether there is an installation at all to look at further. */
export interface Foundation {
  readonly findings: readonly Finding[];
  readonly isThere: boolean;
}

/** Whether the server can be reached, is a primary, new enough, and has pgwatch's schema of today. */
export async function lookForInstallation({ db }: Patient): Promise<Foundation> {
  const findings: Finding[] = [];
  const steps: readonly [check: string, look: () => Promise<Finding>][] = [
    ['connection', () => lookAtConnection(db)],
    ['schema', () => lookAtSchema(db)],
  ];
  for (const [check, look] of steps) {
    try {
      findings.push(await look());
    } catch (error) {
      const explained = explainMissingRights(explainConnectionError(error, redactUrl(db.url)));
      findings.push(failed(check, explained));
      return { findings, isThere: false };
    }
  }
  return { findings, isThere: true };
}

/** An error as a finding. What mends it is to be pasted, where it is a command and not to be found out. */
export function failed(check: string, error: unknown): Finding {
  const what = error instanceof Error ? error.message : String(error);
  const mend = mendOf(error);
  return { check, severity: 'problem', what, ...(mend === undefined ? {} : { mend: [mend] }) };
}

function mendOf(error: unknown): string | undefined {
  if (!(error instanceof PgwatchError)) return undefined;
  const isToMigrate = error.code === 'SCHEMA_MISSING' || error.code === 'SCHEMA_OUTDATED';
  return isToMigrate ? 'pgwatch migrate' : error.hint;
}

async function lookAtConnection(db: Patient['db']): Promise<Finding> {
  await db.servers.inTurn(() => db.pool.query('select'));
  await assertServerVersion(db);
  const began = performance.now();
  const { rows } = await db.pool.query<{ version: string; role: string }>(
    `select current_setting('server_version') as version, current_user::text as role`,
  );
  const milliseconds = Math.max(1, Math.round(performance.now() - began));
  return {
    check: 'connection',
    severity: 'ok',
    what: `PostgreSQL ${rows[0]?.version}, the primary, answers role ${rows[0]?.role} in ${milliseconds} ms; Node ${process.versions.node}.`,
  };
}

async function lookAtSchema(db: Patient['db']): Promise<Finding> {
  await assertSchema(db);
  await assertFunctionsSchema(db);
  return {
    check: 'schema',
    severity: 'ok',
    what: `The schema "${db.names.schema}" is the one that this program knows.`,
  };
}

/** Whether this is the database in which it was installed; see the clone guard. */
export async function checkOrigin({ db }: Patient): Promise<readonly Finding[]> {
  const origin = await originOf(db.pool, db.names.schema);
  if (origin === 'here') {
    return [
      { check: 'copy', severity: 'ok', what: 'This database is the one it was installed in.' },
    ];
  }
  return [
    {
      check: 'copy',
      severity: 'problem',
      what:
        origin === 'the future'
          ? 'The tables name transactions that are still to come: they are of another time or place.'
          : `This database is a copy: pgwatch was installed in ${origin === 'another cluster' ? 'another cluster' : 'another database of this cluster'}.`,
      why: 'Cursors mean nothing here, so nothing runs before it is adopted.',
      mend: [
        'pgwatch adopt --skip-pending',
        '-- or, if this is production now:',
        'pgwatch adopt --keep-pending',
      ],
    },
  ];
}
