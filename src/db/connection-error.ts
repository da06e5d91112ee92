import { messageOf } from '../error-fields.ts';
import { PgwatchError } from '../errors.ts';
import { ServersError } from './servers.ts';
import { codeOf, SQLSTATE, wasRefused } from './sqlstate.ts';

interface Explanation {
  readonly why: string;
  readonly hint: string;
}

const BROKEN: Explanation = {
  why: 'The other side broke the connection.',
  hint: "See the server's log. Perhaps it is starting up or shutting down, or what listens there is no PostgreSQL.",
};

/** What each way of not getting a connection means and what to do about it. */
const EXPLANATIONS: Record<string, Explanation> = {
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
  ECONNRESET: BROKEN,
  EPIPE: BROKEN,
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
  [SQLSTATE.notInPrerequisiteState]: {
    why: 'That database takes no connections.',
    hint: 'Somebody has closed it, perhaps to copy or drop it. Wait, or open it: alter database … allow_connections true;',
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
  const unreadable = unreadableFile(error, target);
  if (unreadable !== undefined) return unreadable;
  const explanation = error instanceof ServersError ? explainEach(error) : explain(error);
  if (explanation === undefined) return error;
  const message = error instanceof Error ? messageOf(error) : '';
  return new PgwatchError('DATABASE_UNREACHABLE', {
    what: `Cannot connect to ${target}: ${message === '' ? codeOf(error) : message}.`,
    ...explanation,
    cause: error,
  });
}

function explain(error: unknown): Explanation | undefined {
  const code = codeOf(error);
  // Of a statement, it says something else.
  if (code === SQLSTATE.notInPrerequisiteState && wasRefused(error)) return undefined;
  if (code !== undefined) return EXPLANATIONS[code];
  // node-postgres reports these without a code.
  if (!(error instanceof Error)) return undefined;
  if (/timeout (exceeded|expired)|due to connection timeout/i.test(error.message)) {
    return EXPLANATIONS['ETIMEDOUT'];
  }
  return /connection terminated/i.test(error.message) ? BROKEN : undefined;
}

/** The message says what each server said; here is what to do about them all. */
function explainEach({ errors }: ServersError): Explanation | undefined {
  const explanations = errors.map(explain).filter((one) => one !== undefined);
  if (explanations.length < errors.length) return undefined;
  return {
    why: 'None of the servers takes the connection.',
    hint: [...new Set(explanations.map(({ hint }) => hint))].join(' '),
  };
}

const FILE_PARAMETERS = ['sslcert', 'sslkey', 'sslrootcert'] as const;

const FILE_FAULTS: Record<string, string> = {
  ENOENT: 'It does not exist.',
  EACCES: 'This user may not read it.',
  EISDIR: 'It is a folder.',
};

/** The driver reads certificates when it reads the URL; its error could be that of a socket. */
function unreadableFile(error: unknown, target: string): PgwatchError | undefined {
  if (!(error instanceof Error)) return undefined;
  const why = FILE_FAULTS[codeOf(error) ?? ''];
  const query = new URLSearchParams(target.slice(target.indexOf('?') + 1));
  // Of a folder, Node does not say the path; then it is one of those that the URL names.
  const path: unknown = Reflect.get(error, 'path');
  const named = FILE_PARAMETERS.filter((name) => {
    const file = query.get(name);
    return file !== null && (path === undefined || file === path);
  });
  const isFile = ['open', 'read'].includes(String(Reflect.get(error, 'syscall')));
  if (why === undefined || !isFile || named.length === 0) return undefined;
  return new PgwatchError('DATABASE_URL_INVALID', {
    what: `${named.join(', ')} in the database URL names the file ${named.map((name) => query.get(name)).join(', ')}, which cannot be read.`,
    why,
    hint: 'Correct the path; it is relative to the working directory.',
    cause: error,
  });
}
