import { codeOf, SQLSTATE } from '../../db/sqlstate.ts';
import { checkAutovacuum } from './autovacuum.ts';
import { checkClock } from './clock.ts';
import { checkOrigin, lookForInstallation } from './connection.ts';
import { checkConsumers } from './consumers.ts';
import { checkCursors } from './cursors.ts';
import type { Check, Finding, Patient } from './finding.ts';
import { checkFunctions } from './functions.ts';
import { checkHorizon } from './horizon.ts';
import { checkListen } from './listen.ts';
import { checkLogGrowth } from './log-growth.ts';
import { checkPooler } from './pooler.ts';
import { checkPrivileges } from './privileges.ts';
import { proveLog } from './proof.ts';
import { checkRedeliveries } from './redeliveries.ts';
import { checkReplicationRole } from './replication-role.ts';
import { checkServer } from './server.ts';
import { checkTables } from './tables.ts';
import { checkTriggers } from './triggers.ts';
import { checkWriters } from './writers.ts';

/** By the names of their findings, for what they cannot look at. */
const CHECKS: Readonly<Record<string, Check>> = {
  copy: checkOrigin,
  pooler: checkPooler,
  listen: checkListen,
  server: checkServer,
  privileges: checkPrivileges,
  tables: checkTables,
  functions: checkFunctions,
  triggers: checkTriggers,
  session_replication_role: checkReplicationRole,
  log: checkLogGrowth,
  autovacuum: checkAutovacuum,
  writers: checkWriters,
  horizon: checkHorizon,
  clock: checkClock,
};

/** They go by cursors, which mean nothing in a copy. */
const CHECKS_OF_CURSORS: Readonly<Record<string, Check>> = {
  consumers: checkConsumers,
  redeliveries: checkRedeliveries,
  cursors: checkCursors,
};

/**
 * Makes all checks, one after the other. Changes nothing.
 * @param quick leave out the proof, which reads all of the log
 */
export async function checkUp(
  patient: Patient,
  { quick }: { readonly quick: boolean },
): Promise<readonly Finding[]> {
  const { findings, isThere } = await lookForInstallation(patient);
  if (!isThere) {
    const isConnected = findings.some(({ check }) => check === 'schema');
    const lacks = isConnected ? await make({ privileges: checkPrivileges }, patient) : [];
    return [...findings, ...lacks.filter(({ severity }) => severity === 'problem')];
  }
  const found = [...findings, ...(await make(CHECKS, patient))];
  if (found.some(({ check, severity }) => check === 'copy' && severity !== 'ok')) return found;
  const proof: Readonly<Record<string, Check>> = quick ? {} : { proof: proveLog };
  return [...found, ...(await make({ ...CHECKS_OF_CURSORS, ...proof }, patient))];
}

async function make(checks: Readonly<Record<string, Check>>, patient: Patient): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [name, check] of Object.entries(checks)) {
    try {
      findings.push(...(await check(patient)));
    } catch (error) {
      findings.push(unmade(name, error));
    }
  }
  return findings;
}

function unmade(check: string, error: unknown): Finding {
  const reason = error instanceof Error ? error.message : String(error);
  const isForbidden = codeOf(error) === SQLSTATE.insufficientPrivilege;
  return {
    check,
    severity: 'warning',
    what: `This could not be checked: ${reason}.`,
    mend: [
      isForbidden
        ? '-- run doctor as the role that installed pgwatch'
        : '-- mend what else was found, then look again',
    ],
  };
}
