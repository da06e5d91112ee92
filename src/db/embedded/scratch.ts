import { chmodSync, lstatSync, mkdtempSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeTree } from './ownership.ts';
import { isAlive, markProcess, type ProcessMark, pidNamespace } from './process-mark.ts';
import { stopServerProcesses } from './server-processes.ts';
import { canReach, type ServerUser } from './server-user.ts';

/**
 * Scratch directories: throw-away data and copied binaries, below the temporary directory. The
 * top belongs to the process that made it, what is inside to the server's user. Each names its
 * holders, so that a later start can tell a directory in use from one that a hard kill left.
 */
const PREFIX = 'pgwatch-server-';
const HOLDERS = 'holders.json';
/** Holders of another pid namespace cannot be asked; they touch the directory far more often. */
const FOREIGN_STALE_MS = 60 * 60 * 1000;

interface Holders {
  readonly namespace: string;
  readonly processes: readonly ProcessMark[];
}

/** Where scratch directories may stand, and where the sweep looks for old ones. */
export function scratchParents(): string[] {
  const parents = process.platform === 'win32' ? [] : ['/tmp', '/var/tmp', '/dev/shm'];
  return [...new Set([tmpdir(), ...parents])].filter(
    (parent) => lstatSync(parent, { throwIfNoEntry: false }) !== undefined,
  );
}

/** Makes a scratch directory, held by this process; none if the user cannot reach `parent`. */
export async function createScratch(
  parent: string,
  user: ServerUser | undefined,
): Promise<string | undefined> {
  try {
    if (!(await canReach(parent, user))) return undefined;
    const scratch = mkdtempSync(join(parent, PREFIX));
    if (user !== undefined) chmodSync(scratch, 0o711);
    await holdScratch(scratch, [process.pid]);
    return scratch;
  } catch {
    return undefined;
  }
}

/** Writes down who needs the directory; it is swept when none of them is alive. */
export async function holdScratch(scratch: string, pids: readonly number[]): Promise<void> {
  const holders: Holders = { namespace: pidNamespace(), processes: pids.map(markProcess) };
  await writeFile(join(scratch, HOLDERS), JSON.stringify(holders), { mode: 0o600 });
}

/** Removes the directory. Its list of holders goes last: cut short, a later sweep goes on. */
export async function removeScratch(scratch: string): Promise<void> {
  for (const name of await readdir(scratch).catch(() => [])) {
    if (name !== HOLDERS) await removeTree(join(scratch, name));
  }
  await removeTree(scratch);
}

/** Ends what a hard kill left running in scratch directories, and removes those. */
export async function sweepScratch(): Promise<void> {
  const self = process.geteuid?.();
  for (const parent of scratchParents()) {
    for (const name of await readdir(parent).catch(() => [])) {
      const scratch = join(parent, name);
      if (!name.startsWith(PREFIX)) continue;
      const stats = lstatSync(scratch, { throwIfNoEntry: false });
      if (!stats?.isDirectory() || (self !== undefined && stats.uid !== self)) continue;
      if (await isHeld(scratch, stats.mtimeMs)) continue;
      await endAndRemove(scratch).catch(() => {
        // Another start sweeps it at the same time, or it resists: the next start tries again.
      });
    }
  }
}

async function endAndRemove(scratch: string): Promise<void> {
  const data = join(scratch, 'cluster/data');
  if (lstatSync(data, { throwIfNoEntry: false })?.isDirectory()) await stopServerProcesses(data);
  await removeScratch(scratch);
}

async function isHeld(scratch: string, touchedAt: number): Promise<boolean> {
  const fresh = Date.now() - touchedAt < FOREIGN_STALE_MS;
  try {
    const holders: Holders = JSON.parse(await readFile(join(scratch, HOLDERS), 'utf8'));
    return holders.namespace === pidNamespace() ? holders.processes.some(isAlive) : fresh;
  } catch {
    return fresh; // being made just now
  }
}
