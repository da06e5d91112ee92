import { rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PgwatchError } from '../../errors.ts';
import { type Binaries, prepareBinaries } from './binaries.ts';
import { createCluster, readClusterVersion, resetPassword } from './cluster.ts';
import { needsDescriptor } from './data-path.ts';
import type { EmbeddedServer } from './embedded-server.ts';
import { removeTree } from './ownership.ts';
import { findPackageFolder } from './package-folder.ts';
import { type Postmaster, startPostmaster } from './postmaster.ts';
import { isAlive, markProcess } from './process-mark.ts';
import { ProjectDirectory } from './project-directory.ts';
import {
  passwordLost,
  refused,
  servedElsewhere,
  unresponsive,
  unusable,
  wrongVersion,
} from './project-failures.ts';
import { holdScratch, removeScratch, sweepScratch } from './scratch.ts';
import {
  HOST,
  isPasswordRefused,
  isTransient,
  type ServerAddress,
  SUPERUSER,
  serverUrl,
  withServer,
} from './server-connection.ts';
import { findServerProcesses, stopServerProcesses } from './server-processes.ts';
import { chooseServerUser, type ServerUser } from './server-user.ts';
import { tryStartLock } from './start-lock.ts';

export interface ProjectOptions {
  /** The project's directory; data is kept in `.pgwatch/` below it. */
  readonly root: string;
  /** The folder of a package with binaries; by default the one installed in the project. */
  readonly binaries?: string;
}

/** The database that the URL names. */
const DATABASE = 'pgwatch';

/** How long to wait for a server that another process is starting or stopping. */
const PATIENCE_MS = 150_000;
const ELSEWHERE_PATIENCE_MS = 25_000;
const LOOK_AGAIN_MS = 50;

/**
 * The project's server: the running one, or else one started now, which ends with this process.
 * Safe to call from several processes at once, and again after the server was lost.
 *
 * @throws PgwatchError EMBEDDED_NOT_INSTALLED, EMBEDDED_START_FAILED
 */
export async function openProjectServer(options: ProjectOptions): Promise<EmbeddedServer> {
  const directory = new ProjectDirectory(resolve(options.root));
  try {
    await directory.prepare();
    const deadline = Date.now() + PATIENCE_MS;
    while (true) {
      const server = (await findRunning(directory)) ?? (await startAlone(directory, options));
      if (server !== undefined) return server;
      if (Date.now() > deadline) throw unresponsive(directory);
      await delay(LOOK_AGAIN_MS);
    }
  } catch (error) {
    throw error instanceof PgwatchError ? error : unusable(directory, error);
  }
}

/** The server that another call started, here or in another process, if it takes connections. */
async function findRunning(directory: ProjectDirectory): Promise<EmbeddedServer | undefined> {
  const record = await directory.readRecord();
  if (record === undefined || !isAlive(record.supervisor)) return undefined;
  const password = await directory.readPassword();
  if (password === undefined) throw passwordLost(directory);
  const address = { port: record.port, password };
  try {
    const found = await withServer(address, async (client) => {
      const { rows } = await client.query<{ cluster: string; version: string }>(
        `select current_setting('cluster_name') as cluster,
                split_part(current_setting('server_version'), ' ', 1) as version`,
      );
      return rows[0];
    });
    if (found?.cluster !== record.cluster) return undefined;
    return describeServer(address, found.version, { owned: false, pid: record.pid });
  } catch (error) {
    if (isTransient(error)) return undefined;
    throw isPasswordRefused(error) ? passwordLost(directory, error) : refused(directory, error);
  }
}

/** `undefined`: another process is starting or stopping it just now. */
async function startAlone(
  directory: ProjectDirectory,
  options: ProjectOptions,
): Promise<EmbeddedServer | undefined> {
  const release = await tryStartLock(directory.lock);
  if (release === undefined) return undefined;
  try {
    if (!(await clearLeftovers(directory))) return undefined;
    return await start(directory, options);
  } finally {
    await release();
  }
}

/**
 * Ends and removes what a hard kill left. Answers false while a server is there that has a
 * supervisor: it runs by now, or is about to end.
 */
async function clearLeftovers(directory: ProjectDirectory): Promise<boolean> {
  await sweepScratch();
  await directory.sweepSetups();
  if (!directory.hasData()) return true;
  await waitForElsewhere(directory);
  const record = await directory.readRecord();
  if (record !== undefined && isAlive(record.supervisor)) return false;
  if (process.platform === 'win32') return true;
  if ((await findServerProcesses(directory.data)).length > 0) {
    if (!(await stopServerProcesses(directory.data))) throw unresponsive(directory);
  }
  // Its pid may be another process's by now, which PostgreSQL would take for its own.
  await rm(join(directory.data, 'postmaster.pid'), { force: true });
  return true;
}

/** A server of a container that was killed seems to live until its heartbeat is overdue. */
async function waitForElsewhere(directory: ProjectDirectory): Promise<void> {
  const deadline = Date.now() + ELSEWHERE_PATIENCE_MS;
  while (await directory.isServedElsewhere()) {
    if (Date.now() > deadline) throw servedElsewhere(directory);
    await delay(LOOK_AGAIN_MS);
  }
}

async function start(
  directory: ProjectDirectory,
  options: ProjectOptions,
): Promise<EmbeddedServer> {
  const folder =
    options.binaries ?? findPackageFolder([resolve(options.root), import.meta.dirname]);
  const user = chooseServerUser(directory.data);
  const binaries = await prepareBinaries(folder, user);
  const remove = binaries.scratch === undefined ? [] : [binaries.scratch];
  try {
    const password = await provideCluster(directory, binaries, user);
    const record = await directory.readRecord();
    directory.prepareLog();
    const postmaster = await startPostmaster({
      binaries,
      user,
      dataDirectory: directory.data,
      log: directory.log,
      password,
      port: record?.port,
      settings: {},
      stopMode: 'fast',
      remove,
      touch: [directory.record, ...remove],
    });
    // Also when it crashed: the next start makes a copy of its own.
    postmaster.gone.then(() => Promise.allSettled(remove.map(removeScratch)));
    const supervisor = markProcess(postmaster.supervisorPid);
    await Promise.all(remove.map((held) => holdScratch(held, [process.pid, supervisor.pid])));
    const address = { port: postmaster.port, password };
    await provideDatabase(address, postmaster);
    directory.writeRecord({ pid: postmaster.pid, port: postmaster.port, supervisor });
    return {
      ...describeServer(address, binaries.version, { owned: true, pid: postmaster.pid }),
      stop: () => postmaster.close(),
    };
  } catch (error) {
    await Promise.allSettled(remove.map(removeScratch));
    throw isPasswordRefused(error) ? passwordLost(directory, error) : error;
  }
}

/** Makes the cluster if there is none yet, and answers the superuser's password. */
async function provideCluster(
  directory: ProjectDirectory,
  binaries: Binaries,
  user: ServerUser | undefined,
): Promise<string> {
  if (directory.hasData()) {
    const major = await readClusterVersion(directory.data);
    if (major !== binaries.major) throw wrongVersion(directory, major, binaries);
    directory.giveDataTo(user);
    const known = await directory.readPassword();
    if (known !== undefined) return known;
    const password = directory.makePassword();
    const byDescriptor = await needsDescriptor(directory.data, user);
    const dataDirectory = directory.data;
    await resetPassword({ binaries, user, dataDirectory, byDescriptor, password });
    return password;
  }
  const password = (await directory.readPassword()) ?? directory.makePassword();
  const setup = directory.createSetup(user);
  try {
    const byDescriptor = await needsDescriptor(setup, user);
    const cluster = { binaries, user, directory: setup, byDescriptor, password, sync: true };
    // Into its place in one step: nobody ever finds half a cluster there.
    await rename(await createCluster(cluster), directory.data);
  } finally {
    await removeTree(setup);
  }
  return password;
}

async function provideDatabase(address: ServerAddress, postmaster: Postmaster): Promise<void> {
  try {
    await withServer(address, async (client) => {
      const { rows } = await client.query('select from pg_database where datname = $1', [DATABASE]);
      if (rows.length === 0) await client.query(`create database ${DATABASE}`);
    });
  } catch (error) {
    await postmaster.close();
    throw error;
  }
}

function describeServer(
  address: ServerAddress,
  version: string,
  server: { readonly owned: boolean; readonly pid: number },
): EmbeddedServer {
  return {
    url: serverUrl(address, DATABASE),
    host: HOST,
    port: address.port,
    user: SUPERUSER,
    password: address.password,
    database: DATABASE,
    version,
    ...server,
    async stop() {
      // Another process's.
    },
  };
}
