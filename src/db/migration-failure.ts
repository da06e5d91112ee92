import { PgwatchError } from '../errors.ts';
import { codeOf, SQLSTATE } from './sqlstate.ts';

/** What a migration failed with, as an error that names it. */
export function migrationFailed(name: string, cause: unknown): PgwatchError {
  if (cause instanceof PgwatchError && cause.code === 'MIGRATION_INVALID') return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  const { why, hint } = explanationOf(cause);
  return new PgwatchError('MIGRATION_FAILED', {
    what: `The migration "${name}" failed: ${reason.replace(/\.*$/, '.')}`,
    why,
    hint: hint ?? 'Correct it and run `pgwatch migrate` again.',
    cause,
  });
}

function explanationOf(cause: unknown): { readonly why: string; readonly hint?: string } {
  const why = 'Its transaction was rolled back, so nothing of it is in the database.';
  if (cause instanceof PgwatchError) {
    return cause.hint === undefined ? { why } : { why, hint: cause.hint };
  }
  switch (codeOf(cause)) {
    case SQLSTATE.lockNotAvailable:
      return {
        why: 'Another transaction holds a lock on that table and did not let go.',
        hint: 'End the long transaction (see pg_stat_activity), then run `pgwatch migrate` again.',
      };
    case SQLSTATE.featureNotSupported:
    case SQLSTATE.activeSqlTransaction:
      return {
        why,
        hint: 'Each migration runs in a transaction of its own: leave out BEGIN, COMMIT and ROLLBACK, and what cannot run in a transaction.',
      };
    case SQLSTATE.insufficientPrivilege:
      return {
        why,
        hint: 'Migrate as the role that owns the tables; to install, it needs CREATE on the database and on the schema of the functions (see docs/security.md).',
      };
    default:
      return { why };
  }
}
