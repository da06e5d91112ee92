import { execFile } from 'node:child_process';
import { accessSync, constants, readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import type { Site } from './site.ts';

const run = promisify(execFile);

export interface UpdateLoad {
  readonly clients: number;
  readonly seconds: number;
  /** Of the table `changes`, with ids from 1. */
  readonly rows: number;
}

export interface LoadResult {
  readonly commits: number;
  readonly perSecond: number;
}

const pgbench = findPgbench();

/** What drives the load, for a measure's note. */
export const LOAD_DRIVER = pgbench === undefined ? 'clients in a Node process' : 'pgbench';

/** Clients that update one random row of `changes` after another, each a transaction. */
export function updateRandomRows(site: Site, load: UpdateLoad): Promise<LoadResult> {
  return pgbench === undefined ? runClients(site, load) : runPgbench(pgbench, site, load);
}

async function runPgbench(program: string, site: Site, load: UpdateLoad): Promise<LoadResult> {
  const { clients, seconds, rows } = load;
  const folder = await mkdtemp(join(tmpdir(), 'pgwatch-bench-'));
  site.onEnd(() => rm(folder, { recursive: true, force: true }));
  const script = join(folder, 'update.sql');
  await writeFile(
    script,
    `\\set id random(1, ${rows})\nupdate changes set n = n + 1 where id = :id;\n`,
  );
  const threads = Math.min(clients, availableParallelism());
  const { stdout } = await run(
    program,
    [
      ...['--no-vacuum', '--protocol=prepared', `--file=${script}`],
      ...[`--client=${clients}`, `--jobs=${threads}`, `--time=${seconds}`],
      site.url,
    ],
    { signal: site.signal },
  );
  const commits = /transactions actually processed: (\d+)/.exec(stdout)?.[1];
  // Older versions also give the rate with the time it takes to connect, before the one without.
  const perSecond = [...stdout.matchAll(/^tps = ([\d.]+)/gm)].at(-1)?.[1];
  if (commits === undefined || perSecond === undefined) {
    throw new Error(`pgbench said:\n${stdout}`);
  }
  return { commits: Number(commits), perSecond: Number(perSecond) };
}

async function runClients(site: Site, load: UpdateLoad): Promise<LoadResult> {
  const { stdout } = await run(
    process.execPath,
    [
      new URL('update-clients.mjs', import.meta.url).pathname,
      ...[site.url, String(load.clients), String(load.seconds), String(load.rows)],
    ],
    { signal: site.signal },
  );
  return JSON.parse(stdout);
}

function findPgbench(): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...debianFolders()];
  return folders.map((folder) => join(folder, 'pgbench')).find(isExecutable);
}

/** Debian keeps most of PostgreSQL's programs off the PATH. */
function debianFolders(): string[] {
  const versions = '/usr/lib/postgresql';
  try {
    return readdirSync(versions).map((version) => join(versions, version, 'bin'));
  } catch {
    return [];
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
