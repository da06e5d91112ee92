import { PgwatchError } from '../errors.ts';
import { codeOf, SQLSTATE } from './sqlstate.ts';

/** What each way of not getting a connection means and what to do about it. */
const EXPLANATIONS: Record<string, { why: string; hint: string }> = {
  ECONNREFUSED: {
    why: 'Nothing accepts connections there.',
    hint: 'Start PostgreSQL, or correct the host and port of the database URL.',
  },
  ENOTFOUND: {
    why: 'The host name cannot be resolved.',
    hint: 'Correct the host of the database URL.',
  },
  EAI_AGAIN: {
    why: 'The host name cannot be resolved right now.',
    hint: 'Check the host of the database URL and the name service.',
  },
  ETIMEDOUT: {
    why: 'The server did not answer in time.',
    hint: 'Check the host, the port and the firewall in between.',
  },
  EHOSTUNREACH: {
    why: 'There is no route to that host.',
    hint: 'Check the host of the database URL and the network.',
  },
  ENOENT: {
    why: 'There is no such socket.',
    hint: 'Start PostgreSQL, or correct the socket folder of the database URL.',
  },
  [SQLSTATE.invalidPassword]: {
    why: 'The server refused the user or password.',
    hint: 'Correct the user and password of the database URL.',
  },
  [SQLSTATE.invalidAuthorization]: {
    why: 'The server does not let this user in.',
    hint: 'Correct the user of the database URL, or the pg_hba.conf of the server.',
  },
  [SQLSTATE.undefinedDatabase]: {
    why: 'That database does not exist.',
    hint: 'Create it (createdb), or correct the name at the end of the database URL.',
  },
  [SQLSTATE.tooManyConnections]: {
    why: 'The server has no connection left.',
    hint: "Raise max_connections, lower other programs' pools, or set poolSize in the configuration.",
  },
  [SQLSTATE.cannotConnectNow]: {
    why: 'The server is starting up or shutting down.',
    hint: 'Try again in a moment.',
  },
};

/**
 * An error that means "no connection" as DATABASE_UNREACHABLE, any other one as it is.
 * `target` is the database's URL without its password.
 */
export function explainConnectionError(error: unknown, target: string): unknown {
  if (error instanceof PgwatchError) return error;
  const code = codeOf(error);
  const explanation = code === undefined ? timeoutExplanation(error) : EXPLANATIONS[code];
  if (explanation === undefined) return error;
  const reason = error instanceof Error && error.message !== '' ? error.message : code;
  return new PgwatchError('DATABASE_UNREACHABLE', {
    what: `Cannot connect to ${target}: ${reason}.`,
    ...explanation,
    cause: error,
  });
}

/** node-postgres reports its own time-outs without a code. */
function timeoutExplanation(error: unknown) {
  if (!(error instanceof Error)) return undefined;
  return /timeout (exceeded|expired)|connection terminated/i.test(error.message)
    ? EXPLANATIONS['ETIMEDOUT']
    : undefined;
}
