import { PgwatchError } from '../errors.ts';
import { codeOf, SQLSTATE } from './sqlstate.ts';

/** An error that means "not allowed" as RIGHTS_MISSING, any other one as it is. */
export function explainMissingRights(error: unknown): unknown {
  if (error instanceof PgwatchError || codeOf(error) !== SQLSTATE.insufficientPrivilege) {
    return error;
  }
  const reason = error instanceof Error ? error.message : String(error);
  return new PgwatchError('RIGHTS_MISSING', {
    what: `The role of the database URL may not do what this command does: ${reason}.`,
    hint: 'Connect as the role that installed pgwatch, or let that role give this one what it needs: `pgwatch migrate --grant-consumer <role>` for listen and notify, `--grant-cleanup <role>` for cleanup. docs/security.md has it step by step.',
    cause: error,
  });
}
