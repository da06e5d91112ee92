import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { choosePort } from '../../src/db/embedded/server-connection.ts';
import { chooseServerUser, spawnIdentity } from '../../src/db/embedded/server-user.ts';

/** By its path: CI's PATH has none of PostgreSQL's programs. */
const PROGRAMS = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer', '/usr/local/bin/pgbouncer'];

/** Undefined: this machine has none. */
export function findPgBouncer(): string | undefined {
  return PROGRAMS.find((path) => existsSync(path));
}

export interface PgBouncer {
  /** The database's URL through it. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts one before the server of that URL, in transaction mode. */
export async function startPgBouncer(program: string, databaseUrl: string): Promise<PgBouncer> {
  const { hostname, port: serverPort, username, password, pathname } = new URL(databaseUrl);
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'pgwatch-pooler-')));
  const port = await choosePort(undefined);
  const file = join(folder, 'pgbouncer.ini');
  await chmod(folder, 0o755);
  const server = `host=${hostname} port=${serverPort} user=${username} password=${password}`;
  await writeFile(
    file,
    `[databases]
* = ${server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 5
`,
    { mode: 0o644 },
  );
  const child = spawn(program, [file], {
    stdio: ['ignore', 'ignore', 'pipe'],
    ...spawnIdentity(chooseServerUser()),
  });
  await untilUp(child.stderr);
  const url = `postgres://${username}@127.0.0.1:${port}${pathname}`;
  return {
    url,
    async stop() {
      await end(child);
      await rm(folder, { recursive: true });
    },
  };
}

/** It says so when it listens. */
async function untilUp(log: Readable): Promise<void> {
  let said = '';
  for await (const chunk of log.iterator({ destroyOnReturn: false })) {
    said += String(chunk);
    if (!said.includes('process up')) continue;
    log.resume();
    return;
  }
  throw new Error(`PgBouncer did not start:\n${said}`);
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null) return resolve();
    child.on('exit', () => resolve());
    child.kill('SIGKILL');
  });
}
