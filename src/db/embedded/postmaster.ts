import { readFile, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { PgwatchError } from '../../errors.ts';
import type { Binaries } from './binaries.ts';
import { lastLines } from './cluster.ts';
import { DESCRIPTOR_PATH, needsDescriptor, withRealPath } from './data-path.ts';
import {
  choosePort,
  HOST,
  isPasswordRefused,
  isPortFree,
  isTransient,
  readClusterName,
} from './server-connection.ts';
import { clusterName, stopServerProcesses } from './server-processes.ts';
import type { ServerUser } from './server-user.ts';
import type { Order, StopMode } from './supervision.ts';
import { linkSupervisor, type SupervisorLink } from './supervisor-link.ts';

/** Recovery after a crash is part of the start, so this is long. */
const START_TIMEOUT_MS = 120_000;
const PORT_ATTEMPTS = 5;

export interface PostmasterOptions {
  readonly binaries: Binaries;
  readonly user: ServerUser | undefined;
  readonly dataDirectory: string;
  readonly log: string;
  readonly password: string;
  /** Taken when it is free; else any that is. */
  readonly port: number | undefined;
  readonly settings: Readonly<Record<string, string>>;
  /** How the server is stopped when this process ends, or closes it. */
  readonly stopMode: StopMode;
  /** What is removed after that. */
  readonly remove: readonly string[];
  readonly touch: readonly string[];
}

/** A running server of this process. */
export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  readonly supervisorPid: number;
  /** Resolved when the server has ended, for whatever reason. */
  readonly gone: Promise<void>;
  /** Stops the server and removes what its order named. May be called again. */
  close(): Promise<void>;
  /** Stops the server and removes nothing. */
  stop(mode: StopMode): Promise<void>;
}

/**
 * Starts a postmaster under a supervisor and waits until it takes connections.
 *
 * @throws PgwatchError EMBEDDED_START_FAILED with the end of the server's log
 */
export async function startPostmaster(options: PostmasterOptions): Promise<Postmaster> {
  const logged = (await stat(options.log).catch(() => undefined))?.size ?? 0;
  for (let attempt = 1; ; attempt += 1) {
    const port = await choosePort(attempt === 1 ? options.port : undefined);
    const link = linkSupervisor(await writeOrder(options, port));
    const gone = settle(link, options.dataDirectory);
    const until = async (ask: () => void) => {
      ask();
      link.hold();
      await gone;
    };
    try {
      const pid = await link.started;
      await waitUntilReady(link, { ...options, port });
      link.release();
      return {
        pid,
        port,
        supervisorPid: link.pid,
        gone,
        close: () => until(() => link.close()),
        stop: (mode) => until(() => link.stop(mode)),
      };
    } catch (error) {
      await until(() => link.stop('immediate'));
      // Somebody else may have taken the port since we looked.
      if (attempt < PORT_ATTEMPTS && !(await isPortFree(port))) continue;
      throw await explain(error, options, logged);
    }
  }
}

/** Resolved when supervisor and server are gone; what a killed supervisor left is ended here. */
async function settle(link: SupervisorLink, dataDirectory: string): Promise<void> {
  await link.ended;
  if (!link.isSettled()) await stopServerProcesses(dataDirectory).catch(() => false);
}

async function writeOrder(options: PostmasterOptions, port: number): Promise<Order> {
  const { dataDirectory, user, binaries } = options;
  const byDescriptor = await needsDescriptor(dataDirectory, user);
  const settings = {
    listen_addresses: HOST,
    port: String(port),
    // A socket's path is limited to 107 bytes, and its directory to whom the server runs as.
    unix_socket_directories: '',
    cluster_name: clusterName(dataDirectory),
    logging_collector: 'off',
    log_destination: 'stderr',
    ...options.settings,
  };
  return {
    postgres: binaries.postgres,
    pgCtl: binaries.pgCtl,
    args: [
      ...['-D', byDescriptor ? DESCRIPTOR_PATH : dataDirectory],
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    user,
    dataDirectory,
    descriptor: byDescriptor ? dataDirectory : undefined,
    log: options.log,
    stopMode: options.stopMode,
    remove: options.remove,
    touch: options.touch,
  };
}

async function waitUntilReady(
  link: SupervisorLink,
  server: { readonly port: number; readonly password: string; readonly dataDirectory: string },
): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  const expected = clusterName(server.dataDirectory);
  let fate: string | undefined;
  link.ended.then((how) => {
    fate = how;
  });
  while (true) {
    try {
      if ((await readClusterName(server)) === expected) return;
      throw new Error(`Another server listens on port ${server.port}.`);
    } catch (error) {
      if (fate !== undefined) throw new Error(fate);
      if (!isTransient(error) || Date.now() > deadline) throw error;
    }
    await delay(20);
  }
}

async function explain(
  error: unknown,
  options: PostmasterOptions,
  logged: number,
): Promise<unknown> {
  // The caller knows where the password came from.
  if (error instanceof PgwatchError || isPasswordRefused(error)) return error;
  const log = await readFile(options.log).catch(() => Buffer.alloc(0));
  const said = withRealPath(log.subarray(logged).toString('utf8'), options.dataDirectory);
  return new PgwatchError('EMBEDDED_START_FAILED', {
    what: `The embedded PostgreSQL server did not start: ${error instanceof Error ? error.message : String(error)}.`,
    why: `The last lines of ${options.log}:\n  ${lastLines(said)}`,
    hint: 'Put right what it complains about and try again; the data is left as it was.',
    cause: error,
  });
}
