import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { PgwatchError } from '../../errors.ts';
import { type Binaries, prepareBinaries } from './binaries.ts';
import { createCluster } from './cluster.ts';
import { needsDescriptor } from './data-path.ts';
import type { EmbeddedServer } from './embedded-server.ts';
import { createPrivateDirectory } from './ownership.ts';
import { findPackageFolder } from './package-folder.ts';
import { type Postmaster, startPostmaster } from './postmaster.ts';
import {
  createScratch,
  holdScratch,
  removeScratch,
  scratchParents,
  sweepScratch,
} from './scratch.ts';
import { HOST, SUPERUSER, serverUrl } from './server-connection.ts';
import { stopServerProcesses } from './server-processes.ts';
import { chooseServerUser, type ServerUser } from './server-user.ts';
import type { StopMode } from './supervision.ts';

export interface ThrowawayOptions {
  /** The folder of a package with binaries; by default the installed one's. */
  readonly binaries?: string;
  /** PostgreSQL settings, over those for tests: fsync off, 200 connections. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A server whose data is gone when it stops, or when this process ends. */
export interface ThrowawayServer extends EmbeddedServer {
  /** Takes it down for a while, its data and port kept. Default: `fast`. */
  suspend(mode?: StopMode): Promise<void>;
  /** Starts it again, on the same port. */
  resume(): Promise<void>;
}

/** Nothing here is worth an fsync; what a commit means to other sessions stays as it is. */
const SETTINGS = {
  fsync: 'off',
  full_page_writes: 'off',
  max_connections: '200',
};

/**
 * Starts a server for tests, on a free port of 127.0.0.1, with a random password.
 *
 * @throws PgwatchError EMBEDDED_NOT_INSTALLED, EMBEDDED_START_FAILED
 */
export async function startThrowawayServer(
  options: ThrowawayOptions = {},
): Promise<ThrowawayServer> {
  await sweepScratch();
  const folder = options.binaries ?? findPackageFolder([process.cwd(), import.meta.dirname]);
  const user = chooseServerUser();
  const binaries = await prepareBinaries(folder, user);
  const scratch = await createDataScratch(user, binaries);
  const remove = [scratch, ...(binaries.scratch === undefined ? [] : [binaries.scratch])];
  try {
    return await startIn(scratch, { binaries, user, remove, settings: options.settings ?? {} });
  } catch (error) {
    await Promise.allSettled(remove.map(removeScratch));
    throw error;
  }
}

async function createDataScratch(
  user: ServerUser | undefined,
  binaries: Binaries,
): Promise<string> {
  for (const parent of scratchParents()) {
    const scratch = await createScratch(parent, user);
    if (scratch !== undefined) return scratch;
  }
  if (binaries.scratch !== undefined) await removeScratch(binaries.scratch);
  throw new PgwatchError('EMBEDDED_START_FAILED', {
    what: `No temporary directory can be written: ${scratchParents().join(', ')}.`,
    why: 'A throw-away server keeps its data in one.',
    hint: 'Set TMPDIR to a directory with some 100 MB to spare.',
  });
}

interface Place {
  readonly binaries: Binaries;
  readonly user: ServerUser | undefined;
  readonly remove: readonly string[];
  readonly settings: Readonly<Record<string, string>>;
}

async function startIn(scratch: string, place: Place): Promise<ThrowawayServer> {
  const { binaries, user, remove } = place;
  const password = randomBytes(24).toString('base64url');
  const directory = join(scratch, 'cluster');
  createPrivateDirectory(directory, user);
  const byDescriptor = await needsDescriptor(directory, user);
  const dataDirectory = await createCluster({
    ...place,
    directory,
    byDescriptor,
    password,
    sync: false,
  });

  const start = async (port?: number): Promise<Postmaster> => {
    const started = await startPostmaster({
      binaries,
      user,
      dataDirectory,
      log: join(scratch, 'server.log'),
      password,
      port,
      settings: { ...SETTINGS, ...place.settings },
      stopMode: 'immediate',
      remove,
      touch: remove,
    });
    const holders = [process.pid, started.supervisorPid];
    await Promise.all(remove.map((held) => holdScratch(held, holders)));
    return started;
  };

  let postmaster = await start();
  const address = { port: postmaster.port, password };
  return {
    url: serverUrl(address, 'postgres'),
    host: HOST,
    port: postmaster.port,
    user: SUPERUSER,
    password,
    database: 'postgres',
    version: binaries.version,
    owned: true,
    get pid() {
      return postmaster.pid;
    },
    async stop() {
      await postmaster.close();
      await Promise.all(remove.map(removeScratch));
    },
    suspend: (mode = 'fast') => postmaster.stop(mode),
    async resume() {
      // Children of a postmaster that was killed may not have noticed yet.
      await stopServerProcesses(dataDirectory);
      postmaster = await start(address.port);
      if (postmaster.port === address.port) return;
      await postmaster.stop('immediate');
      throw new Error(`Port ${address.port} was taken by somebody else meanwhile.`);
    },
  };
}
