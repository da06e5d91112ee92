import { open, readFile, rm, stat } from 'node:fs/promises';
import { isAlive, markProcess, type ProcessMark, pidNamespace } from './process-mark.ts';

/** A lock being written, or one of another pid namespace, is believed for this long. */
const BELIEVED_MS = 3 * 60 * 1000;

interface Holder extends ProcessMark {
  readonly namespace: string;
}

/**
 * Lets one process at a time start the server; the lock of a dead process counts as none. It saves
 * the others work and keeps their messages sensible. It is not what keeps the data whole: a new
 * cluster is renamed into its place, and PostgreSQL itself refuses a second postmaster.
 *
 * Answers what releases the lock, or `undefined` when another process holds it.
 */
export async function tryStartLock(path: string): Promise<(() => Promise<void>) | undefined> {
  if (await isStale(path)) await rm(path, { force: true });
  try {
    const file = await open(path, 'wx', 0o600);
    const holder: Holder = { ...markProcess(process.pid), namespace: pidNamespace() };
    await file.writeFile(JSON.stringify(holder));
    await file.close();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return undefined;
    throw error;
  }
  return () => rm(path, { force: true });
}

async function isStale(path: string): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined);
  if (stats === undefined) return false;
  const believed = Date.now() - stats.mtimeMs < BELIEVED_MS;
  try {
    const holder: Holder = JSON.parse(await readFile(path, 'utf8'));
    return holder.namespace === pidNamespace() ? !isAlive(holder) : !believed;
  } catch {
    return !believed;
  }
}
