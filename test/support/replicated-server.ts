import { execFile } from 'node:child_process';
import { appendFile, chown, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Binaries, prepareBinaries } from '../../src/db/embedded/binaries.ts';
import { createCluster } from '../../src/db/embedded/cluster.ts';
import { createPrivateDirectory } from '../../src/db/embedded/ownership.ts';
import { findPackageFolder } from '../../src/db/embedded/package-folder.ts';
import { choosePort } from '../../src/db/embedded/server-connection.ts';
import {
  chooseServerUser,
  type ServerUser,
  serverEnvironment,
  spawnIdentity,
} from '../../src/db/embedded/server-user.ts';
import { query, untilTrue } from './server-probe.ts';

const run = promisify(execFile);
const PASSWORD = 'replicated';

interface TestServerOptions {
  readonly binaries: Binaries;
  /** Who the server runs as; undefined: who runs the tests. */
  readonly user: ServerUser | undefined;
  readonly data: string;
  readonly port: number;
  readonly settings: Readonly<Record<string, string>>;
}

/** A real server with a data directory of its own; stopped and removed by `remove()`. */
export class TestServer {
  readonly port: number;
  readonly #binaries: Binaries;
  readonly #user: ServerUser | undefined;
  readonly #data: string;
  readonly #settings: Readonly<Record<string, string>>;
  #running = false;

  constructor({ binaries, user, data, port, settings }: TestServerOptions) {
    this.#binaries = binaries;
    this.#user = user;
    this.#data = data;
    this.#settings = settings;
    this.port = port;
  }

  get url(): string {
    return `postgres://postgres:${PASSWORD}@127.0.0.1:${this.port}/postgres`;
  }

  async start(): Promise<void> {
    const settings = {
      port: this.port,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      fsync: 'off',
      ...this.#settings,
    };
    const options = Object.entries(settings).map(([name, value]) => `-c ${name}='${value}'`);
    await this.#control('start', '-o', options.join(' '), '-l', `${this.#data}.log`);
    this.#running = true;
  }

  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    await this.#control('stop', '-m', mode);
  }

  /** A physical standby of this server, which is stopped for the moment of the copy. */
  async startStandby(): Promise<TestServer> {
    await this.stop();
    const data = `${this.#data}-standby`;
    await run('cp', ['-a', this.#data, data]);
    const standby = new TestServer({
      binaries: this.#binaries,
      user: this.#user,
      data,
      port: await choosePort(undefined),
      settings: this.#settings,
    });
    await appendFile(
      join(data, 'postgresql.auto.conf'),
      `primary_conninfo = 'host=127.0.0.1 port=${this.port} user=postgres password=${PASSWORD}'\n`,
    );
    const signal = join(data, 'standby.signal');
    await writeFile(signal, '');
    if (this.#user !== undefined) await chown(signal, this.#user.uid, this.#user.gid);
    await this.start();
    await standby.start();
    return standby;
  }

  /** Resolves when the standby has everything. */
  async untilReplicated(): Promise<void> {
    await untilTrue(async () => {
      const lags = 'select replay_lsn = pg_current_wal_flush_lsn() from pg_stat_replication';
      return (await query(this.url, lags))[0] === true;
    });
  }

  /** As a standby: receives nothing more of what this primary commits. */
  async stopFollowing(primary: TestServer): Promise<void> {
    await query(this.url, `alter system set primary_conninfo = ''`);
    await query(this.url, 'select pg_reload_conf()');
    await untilTrue(async () => {
      const followers = 'select count(*)::int from pg_stat_replication';
      return (await query(primary.url, followers))[0] === 0;
    });
  }

  async promote(): Promise<void> {
    await query(this.url, 'select pg_promote()');
  }

  async #control(action: string, ...parameters: string[]): Promise<void> {
    await run(this.#binaries.pgCtl, [action, '-w', '-s', '-D', this.#data, ...parameters], {
      cwd: '/',
      env: serverEnvironment(),
      ...spawnIdentity(this.#user),
    });
  }
}

export interface TestServers {
  readonly primary: TestServer;
  remove(): Promise<void>;
}

export interface TestServerPlace {
  /** An existing folder for its data. Default: a temporary one. */
  readonly folder?: string;
  /** PostgreSQL settings, over those for tests. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A server that can have a standby. It is running. */
export async function startTestServer({
  folder: parent = tmpdir(),
  settings = {},
}: TestServerPlace = {}): Promise<TestServers> {
  const user = chooseServerUser();
  const { PGWATCH_TEST_BINARIES: given } = process.env;
  const binaries = await prepareBinaries(given ?? findPackageFolder([process.cwd()]), user);
  const folder = await realpath(await mkdtemp(join(parent, 'pgwatch-servers-')));
  if (user !== undefined) await chown(folder, user.uid, user.gid);
  const directory = join(folder, 'cluster');
  createPrivateDirectory(directory, user);
  const data = await createCluster({
    binaries,
    user,
    directory,
    byDescriptor: false,
    password: PASSWORD,
    sync: false,
  });
  const port = await choosePort(undefined);
  const primary = new TestServer({ binaries, user, data, port, settings });
  await primary.start();
  return {
    primary,
    async remove() {
      await primary.stop('immediate');
      await rm(folder, { recursive: true, force: true });
      if (binaries.scratch !== undefined) await rm(binaries.scratch, { recursive: true });
    },
  };
}
