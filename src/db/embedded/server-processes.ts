import { execFile } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { parentOf } from './process-mark.ts';

const run = promisify(execFile);

/**
 * The `cluster_name` our servers run under. PostgreSQL shows it in the title of each of its
 * processes, so they can be found without any pid file, by root without further rights too (which
 * /proc/<pid>/cwd does not allow in a container). Device and inode survive a rename of the project
 * and differ in a copy of it.
 */
export function clusterName(dataDirectory: string): string {
  const { dev, ino } = statSync(dataDirectory, { bigint: true });
  return `pgwatch-${dev}-${ino}`;
}

/** The pids of every server process on this data, the postmaster's and its children's. */
export async function findServerProcesses(dataDirectory: string): Promise<number[]> {
  if (process.platform === 'win32') return [];
  const title = new RegExp(`\\b${clusterName(dataDirectory)}\\b`);
  const owner = statSync(dataDirectory).uid;
  if (process.platform !== 'linux') {
    const { stdout } = await run('ps', ['-axww', '-o', 'pid=,uid=,command=']);
    return stdout.split('\n').flatMap((line) => {
      const [, pid, uid, command] = /^\s*(\d+)\s+(-?\d+)\s+(.*)$/.exec(line) ?? [];
      return Number(uid) >>> 0 === owner && title.test(command ?? '') ? [Number(pid)] : [];
    });
  }
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  return pids.filter((pid) => {
    try {
      if (statSync(`/proc/${pid}`).uid !== owner) return false;
      return title.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '));
    } catch {
      return false; // gone meanwhile
    }
  });
}

/** Tried in turn until no process is left: fast, immediate, and the hard way; seconds to wait. */
const STOP_SIGNALS = [
  { signal: 'SIGINT', patience: 10 },
  { signal: 'SIGQUIT', patience: 10 },
  { signal: 'SIGKILL', patience: 10 },
] as const;

/**
 * Ends a server that nobody supervises any more. The postmaster is asked first; its children
 * follow it, and are signalled themselves only when they outlive it.
 * Answers whether all of them are gone.
 */
export async function stopServerProcesses(dataDirectory: string): Promise<boolean> {
  for (const { signal, patience } of STOP_SIGNALS) {
    const deadline = Date.now() + patience * 1000;
    let left = await findServerProcesses(dataDirectory);
    const postmasters = left.filter((pid) => !left.includes(parentOf(pid) ?? 0));
    for (const pid of signal === 'SIGINT' ? postmasters : left) signalProcess(pid, signal);
    while (left.length > 0 && Date.now() < deadline) {
      await delay(20);
      left = await findServerProcesses(dataDirectory);
    }
    if (left.length === 0) return true;
  }
  return false;
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone meanwhile, or another user's: the caller counts what is left.
  }
}
