import { existsSync } from 'node:fs';
import {
  cp,
  mkdir,
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
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EmbeddedServer } from '../../src/db/embedded/embedded-server.ts';
import { isAlive, markProcess } from '../../src/db/embedded/process-mark.ts';
import { openProjectServer } from '../../src/db/embedded/project-server.ts';
import { findServerProcesses } from '../../src/db/embedded/server-processes.ts';
import { startThrowawayServer } from '../../src/db/embedded/throwaway-server.ts';
import { type Opening, type ServerOwner, startServerOwner } from '../support/server-owner.ts';
import { failureOf, portOf, query, untilGone, untilTrue } from '../support/server-probe.ts';

// The matrix runs these tests on the binaries of every version.
const { PGWATCH_TEST_BINARIES: given } = process.env;
const binaries = given === undefined ? {} : { binaries: given };

let root: string;
const servers: EmbeddedServer[] = [];
const owners: ServerOwner[] = [];

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'pgwatch-test-')));
});
afterEach(async () => {
  await Promise.all(owners.splice(0).map((owner) => owner.kill()));
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  const data = join(root, '.pgwatch/data');
  if (existsSync(data)) await untilTrue(async () => (await findServerProcesses(data)).length === 0);
  await rm(root, { recursive: true });
});

async function open(project = root): Promise<EmbeddedServer> {
  const server = await openProjectServer({ root: project, ...binaries });
  servers.push(server);
  return server;
}

async function own(opening: Opening): Promise<ServerOwner> {
  const owner = await startServerOwner({ ...opening, ...binaries });
  owners.push(owner);
  return owner;
}

async function throwaway(settings: Record<string, string> = {}) {
  const server = await startThrowawayServer({ ...binaries, settings });
  servers.push(server);
  return server;
}

async function supervisorOf(project: string): Promise<number> {
  return JSON.parse(await readFile(join(project, '.pgwatch/server.json'), 'utf8')).supervisor.pid;
}

async function scratchOf(url: string): Promise<string> {
  const [data] = await query(url, 'show data_directory');
  return String(data).replace(/\/cluster\/data$/, '');
}

describe('a throw-away server', () => {
  it('serves, and leaves nothing when it is stopped', async () => {
    const server = await throwaway();
    expect(await query(server.url, 'show server_version')).toEqual([server.version]);
    const settings = ['fsync', 'synchronous_commit', 'max_connections', 'server_encoding'];
    const values = settings.map((name) => `current_setting('${name}')`).join(', ');
    expect(await query(server.url, `select ${values}`)).toEqual(['off', 'on', '200', 'UTF8']);
    const scratch = await scratchOf(server.url);
    expect(existsSync(scratch)).toBe(true);

    await server.stop();
    await untilGone(server.pid, server.port);
    expect(existsSync(scratch)).toBe(false);
  });

  it('wants the password', async () => {
    const server = await throwaway();
    const wrong = server.url.replace(server.password, 'wrong');
    await expect(query(wrong, 'select 1')).rejects.toMatchObject({ code: '28P01' });
    const none = server.url.replace(`:${server.password}`, '');
    await expect(query(none, 'select 1')).rejects.toThrow(/password/);
  });

  it('takes settings', async () => {
    const server = await throwaway({ max_connections: '17', wal_level: 'logical' });
    expect(await query(server.url, 'show max_connections')).toEqual(['17']);
    expect(await query(server.url, 'show wal_level')).toEqual(['logical']);
  });

  it('goes away and comes back with its data, on the same port', async () => {
    const server = await throwaway();
    await query(server.url, 'create table kept as select 42 as answer');
    await server.suspend();
    await untilGone(server.pid, server.port);
    await server.resume();
    expect(await query(server.url, 'select answer from kept')).toEqual([42]);
  });

  it('comes back after a crash', async () => {
    const server = await throwaway();
    await query(server.url, 'create table kept as select 42 as answer');
    process.kill(server.pid, 'SIGKILL');
    await untilGone(server.pid, server.port);
    await server.resume();
    expect(await query(server.url, 'select answer from kept')).toEqual([42]);
  });

  it('says what the server’s log says when it cannot start', async () => {
    const error = await failureOf(throwaway({ no_such_setting: '1' }));
    expect(error.code).toBe('EMBEDDED_START_FAILED');
    expect(error.message).toContain('no_such_setting');
  });

  it('ends with its process, and its files too, when that is killed', async () => {
    const owner = await own({ kind: 'throwaway' });
    const scratch = await scratchOf(owner.url);
    await owner.kill();
    await untilGone(owner.pid, portOf(owner.url));
    await untilTrue(() => !existsSync(scratch));
  });

  it('is swept by the next one when its supervisor was killed as well', async () => {
    const owner = await own({ kind: 'throwaway' });
    const scratch = await scratchOf(owner.url);
    const { processes } = JSON.parse(await readFile(join(scratch, 'holders.json'), 'utf8'));
    for (const { pid } of processes) process.kill(pid, 'SIGKILL');
    await untilTrue(() =>
      processes.every((mark: { pid: number }) => !isAlive(markProcess(mark.pid))),
    );
    expect(isAlive(markProcess(owner.pid))).toBe(true);

    await throwaway();
    await untilGone(owner.pid, portOf(owner.url));
    expect(existsSync(scratch)).toBe(false);
  });
});

describe('a project’s server', () => {
  it('keeps data, password and port from one start to the next', async () => {
    const first = await open();
    expect(first).toMatchObject({ owned: true, database: 'pgwatch', host: '127.0.0.1' });
    expect(await query(first.url, 'show fsync')).toEqual(['on']);
    await query(first.url, 'create table kept as select 42 as answer');
    await first.stop();
    await untilGone(first.pid, first.port);

    const second = await open();
    expect(second.url).toBe(first.url);
    expect(await query(second.url, 'select answer from kept')).toEqual([42]);
  });

  it('keeps its password from other users and from version control', async () => {
    const server = await open();
    const password = await readFile(join(root, '.pgwatch/password'), 'utf8');
    expect(password.trim()).toBe(server.password);
    expect((await stat(join(root, '.pgwatch/password'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(root, '.pgwatch/data'))).mode & 0o777).toBe(0o700);
    expect(await readFile(join(root, '.pgwatch/.gitignore'), 'utf8')).toBe('*\n');
    const wrong = server.url.replace(server.password, 'wrong');
    await expect(query(wrong, 'select 1')).rejects.toMatchObject({ code: '28P01' });
    expect(await readFile(join(root, '.pgwatch/server.log'), 'utf8')).not.toContain(
      server.password,
    );
  });

  it('is shared with a second process, which cannot stop it', async () => {
    const owner = await own({ kind: 'project', root });
    const shared = await open();
    expect(owner.owned).toBe(true);
    expect(shared).toMatchObject({ owned: false, url: owner.url, pid: owner.pid });
    await shared.stop();
    expect(await query(owner.url, 'select 1')).toEqual([1]);
  });

  it('is shared within one process too', async () => {
    const first = await open();
    expect(await open()).toMatchObject({ owned: false, url: first.url });
  });

  it('ends with its owner, and is started again by who still needs it', async () => {
    const owner = await own({ kind: 'project', root });
    const shared = await open();
    await query(shared.url, 'create table kept as select 42 as answer');
    await owner.kill();

    // At once, while the server may still be ending.
    const again = await open();
    expect(again).toMatchObject({ owned: true, url: shared.url });
    expect(again.pid).not.toBe(owner.pid);
    expect(await query(again.url, 'select answer from kept')).toEqual([42]);
  });

  it('is started once by several processes that start at the same time', async () => {
    const opening = { kind: 'project', root } as const;
    const all = await Promise.all([own(opening), own(opening), own(opening), own(opening)]);
    expect(all.filter(({ owned }) => owned)).toHaveLength(1);
    expect(new Set(all.map(({ url }) => url)).size).toBe(1);
    const [first] = all;
    expect(await query(first?.url ?? '', 'select 1')).toEqual([1]);
    expect(await readdir(join(root, '.pgwatch'))).not.toContain('lock');
  });

  it('ends when its supervisor is killed, and can be opened again', async () => {
    const server = await open();
    process.kill(await supervisorOf(root), 'SIGKILL');
    await untilGone(server.pid, server.port);
    expect(await open()).toMatchObject({ owned: true, url: server.url });
  });

  it('can be opened again when the postmaster was killed', async () => {
    const server = await open();
    await query(server.url, 'create table kept as select 42 as answer');
    process.kill(server.pid, 'SIGKILL');
    await untilGone(server.pid, server.port);
    const again = await open();
    expect(await query(again.url, 'select answer from kept')).toEqual([42]);
  });

  it('is taken over when a hard kill left it running without anybody', async () => {
    const owner = await own({ kind: 'project', root });
    await query(owner.url, 'create table kept as select 42 as answer');
    const supervisor = await supervisorOf(root);
    process.kill(supervisor, 'SIGKILL');
    await owner.kill();
    await untilTrue(() => !isAlive(markProcess(supervisor)));

    const server = await open();
    expect(server).toMatchObject({ owned: true, url: owner.url });
    expect(server.pid).not.toBe(owner.pid);
    expect(await query(server.url, 'select answer from kept')).toEqual([42]);
  });

  it('starts beside what a hard kill left behind', async () => {
    await (await open()).stop();
    const directory = join(root, '.pgwatch');
    // The number of a process that lives, as after a reboot or in a new container.
    const lines = [process.pid, join(directory, 'data'), 0, 5432, '', '127.0.0.1', '', ''];
    await writeFile(join(directory, 'data/postmaster.pid'), lines.join('\n'));
    await mkdir(join(directory, `setup-${2 ** 30}-abcd/data`), { recursive: true });

    await open();
    expect((await readdir(directory)).filter((name) => name.startsWith('setup-'))).toEqual([]);
  });

  it('is not mistaken for that of the project it was copied from', async () => {
    const first = await open();
    await query(first.url, 'create table kept as select 42 as answer');
    await first.stop();
    const copy = await realpath(await mkdtemp(join(tmpdir(), 'pgwatch-test-')));
    try {
      await cp(root, copy, { recursive: true, preserveTimestamps: true });
      const original = await open();
      const copied = await open(copy);
      expect(copied).toMatchObject({ owned: true });
      expect(copied.port).not.toBe(original.port);
      expect(await query(copied.url, 'select answer from kept')).toEqual([42]);
      await copied.stop();
    } finally {
      await rm(copy, { recursive: true });
    }
  });
});
