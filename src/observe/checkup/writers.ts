import { quoteLiteral } from '../../db/names.ts';
import { query } from '../../db/queryable.ts';
import { findWriters, type OldestWriter } from '../oldest-writer.ts';
import type { Finding, Patient } from './finding.ts';
import { spanText } from './span.ts';

/** A prepared transaction is committed by a program, within moments. */
const PREPARED_LONG_SECONDS = 60;
const NAMED_AT_MOST = 20;

const WHY =
  'What it wrote to the log is handled when it commits. Until then every cursor remembers it, and dead rows pile up in all of the cluster’s tables.';

/** Transactions that have written something and do not end. */
export async function checkWriters({ db, settings }: Patient): Promise<readonly Finding[]> {
  const writers = await findWriters(db.pool, NAMED_AT_MOST);
  const [here] = await query<{ database: string }>(
    db.pool,
    'select current_database()::text as database',
    [],
  );
  const long = writers.flatMap((writer) =>
    findingOf(writer, here?.database ?? '', settings.longTransactionSeconds),
  );
  if (long.length > 0) return long;
  const [oldest] = writers;
  const what =
    oldest === undefined
      ? 'No transaction writes at this moment.'
      : `The oldest writer runs for ${spanText(oldest.seconds)}.`;
  return [{ check: 'writers', severity: 'ok', what }];
}

function findingOf(writer: OldestWriter, here: string, longSeconds: number): Finding[] {
  const { pid, prepared, database, role, application, seconds } = writer;
  const of = role === undefined ? '' : ` of role ${role}`;
  const place = database === here ? '' : ` in the database ${database}`;
  if (prepared !== undefined) {
    if (seconds < Math.min(PREPARED_LONG_SECONDS, longSeconds)) return [];
    const name = quoteLiteral(prepared).trim();
    return [
      {
        check: 'prepared transactions',
        severity: 'warning',
        what: `The transaction ${name}${of}${place} is prepared for two-phase commit since ${spanText(seconds)}.`,
        why: WHY,
        mend: [`commit prepared ${name};`, '-- or:', `rollback prepared ${name};`],
      },
    ];
  }
  if (seconds < longSeconds) return [];
  return [
    {
      check: 'writers',
      severity: 'warning',
      what: `The process ${pid}${application === undefined ? '' : ` (${application})`}${of}${place} writes in one transaction for ${spanText(seconds)}.`,
      why: WHY,
      mend: [`select pg_terminate_backend(${pid}); -- it loses what it wrote`],
    },
  ];
}
