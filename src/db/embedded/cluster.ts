import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { chown, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { PgwatchError } from '../../errors.ts';
import type { Binaries } from './binaries.ts';
import { DESCRIPTOR_PATH, withRealPath } from './data-path.ts';
import { SUPERUSER } from './server-connection.ts';
import { type ServerUser, serverEnvironment, spawnIdentity } from './server-user.ts';

/** From this version on PostgreSQL has a locale of its own that knows the case of all letters. */
const BUILTIN_LOCALE_SINCE = 17;

export interface NewCluster {
  readonly binaries: Binaries;
  readonly user: ServerUser | undefined;
  /** An empty directory of the server's user; the data goes to `data` below it. */
  readonly directory: string;
  /** Whether the user cannot reach `directory` by its path: see `data-path.ts`. */
  readonly byDescriptor: boolean;
  readonly password: string;
  /** Whether to wait until all is on disk. */
  readonly sync: boolean;
}

/**
 * Creates a database cluster: UTF-8, sorted by code point, UTC, passwords (SCRAM) for everybody.
 *
 * @throws PgwatchError EMBEDDED_START_FAILED with what initdb said
 */
export async function createCluster(cluster: NewCluster): Promise<string> {
  const { binaries, user, directory } = cluster;
  const passwordFile = join(directory, 'password');
  await writeFile(passwordFile, `${cluster.password}\n`, { mode: 0o600 });
  if (user !== undefined) await chown(passwordFile, user.uid, user.gid);
  await runProgram(binaries.initdb, {
    user,
    directory,
    byDescriptor: cluster.byDescriptor,
    args: (base) => [
      `--pgdata=${join(base, 'data')}`,
      `--pwfile=${join(base, 'password')}`,
      `--username=${SUPERUSER}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      ...(binaries.major >= BUILTIN_LOCALE_SINCE
        ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8']
        : []),
      '--no-instructions',
      ...(cluster.sync ? [] : ['--no-sync']),
    ],
  });
  return join(directory, 'data');
}

/** Gives the superuser a new password, without the old one. The server must not be running. */
export async function resetPassword(cluster: {
  readonly binaries: Binaries;
  readonly user: ServerUser | undefined;
  readonly dataDirectory: string;
  readonly byDescriptor: boolean;
  readonly password: string;
}): Promise<void> {
  await runProgram(cluster.binaries.postgres, {
    user: cluster.user,
    directory: cluster.dataDirectory,
    byDescriptor: cluster.byDescriptor,
    // A statement that fails must not be quoted, with its password.
    args: (base) => ['--single', '-D', base, '-c', 'log_min_error_statement=panic', 'postgres'],
    input: `alter role ${SUPERUSER} password '${cluster.password}'\n`,
  });
}

/** The major version that made the data. `undefined`: there is none. */
export async function readClusterVersion(dataDirectory: string): Promise<number | undefined> {
  try {
    return Number.parseInt(await readFile(join(dataDirectory, 'PG_VERSION'), 'utf8'), 10);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function runProgram(
  program: string,
  options: {
    readonly user: ServerUser | undefined;
    readonly directory: string;
    readonly byDescriptor: boolean;
    readonly args: (base: string) => string[];
    readonly input?: string;
  },
): Promise<void> {
  const descriptor = options.byDescriptor ? openSync(options.directory, 'r') : undefined;
  const base = descriptor === undefined ? options.directory : DESCRIPTOR_PATH;
  let code: number | NodeJS.Signals;
  let said: string;
  try {
    const child = spawn(program, options.args(base), {
      cwd: '/',
      env: serverEnvironment(),
      ...spawnIdentity(options.user),
      stdio: ['pipe', 'pipe', 'pipe', ...(descriptor === undefined ? [] : [descriptor])],
      windowsHide: true,
    });
    child.stdin?.on('error', () => {
      // It ended without reading: its exit code and its last words say why.
    });
    child.stdin?.end(options.input ?? '');
    const exit = new Promise<number | NodeJS.Signals>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status, signal) => resolve(status ?? signal ?? 1));
    });
    [code, said] = await Promise.all([exit, readAll(child.stdout, child.stderr)]);
  } catch (error) {
    throw new PgwatchError('EMBEDDED_START_FAILED', {
      what: `${program} cannot be run${options.user === undefined ? '' : ` by ${options.user.name}`}.`,
      why: error instanceof Error ? error.message : String(error),
      hint: 'Use another PostgreSQL server with --database-url if this one cannot run here.',
      cause: error,
    });
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
  if (code === 0) return;
  throw new PgwatchError('EMBEDDED_START_FAILED', {
    what: `${program} ended with ${code}.`,
    why: `Its last lines: ${lastLines(withRealPath(said, options.directory))}`,
    hint: 'Put right what it complains about and try again.',
  });
}

async function readAll(...streams: (NodeJS.ReadableStream | null)[]): Promise<string> {
  const texts = await Promise.all(streams.map((stream) => (stream === null ? '' : text(stream))));
  return texts.join('\n');
}

/** The end of what a program said, short enough for an error message. */
export function lastLines(said: string, count = 8): string {
  const lines = said.split('\n').filter((line) => line.trim() !== '');
  return lines.length === 0 ? '(nothing)' : lines.slice(-count).join('\n  ');
}
