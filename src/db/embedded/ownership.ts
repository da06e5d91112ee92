import { execFile } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  constants,
  copyFileSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
} from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type ServerUser, spawnIdentity } from './server-user.ts';

const run = promisify(execFile);

/** A new directory that only the server's user can enter. */
export function createPrivateDirectory(path: string, user: ServerUser | undefined): void {
  mkdirSync(path, { mode: 0o700 });
  if (user !== undefined) chownSync(path, user.uid, user.gid);
}

/** Hands a tree over to the server's user. Only for trees that nobody but this process can change. */
export function giveTree(path: string, user: ServerUser): void {
  for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
    lchownSync(join(entry.parentPath, entry.name), user.uid, user.gid);
  }
  chmodSync(path, 0o700);
  chownSync(path, user.uid, user.gid);
}

/**
 * Copies a tree for the server's user, who may enter, read and remove everything in the copy.
 * Files that everybody may read are linked where that is possible, which spares some 45 MB of
 * writing. `isWanted` is asked for files. Synchronous: three times as fast for many small files.
 */
export function copyTree(
  from: string,
  to: string,
  user: ServerUser | undefined,
  isWanted: (name: string) => boolean,
): void {
  createPrivateDirectory(to, user);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) {
      copyTree(source, target, user, isWanted);
    } else if (entry.isSymbolicLink()) {
      symlinkSync(readlinkSync(source), target);
    } else if (isWanted(entry.name) && !tryLinking(source, target)) {
      copyFileSync(source, target, constants.COPYFILE_FICLONE);
      chmodSync(target, (lstatSync(source).mode & 0o111) === 0 ? 0o600 : 0o700);
      if (user !== undefined) chownSync(target, user.uid, user.gid);
    }
  }
}

/** A link shares its rights with the original, which are not to be touched. */
function tryLinking(source: string, target: string): boolean {
  const { mode } = lstatSync(source);
  const needed = (mode & 0o111) === 0 ? 0o444 : 0o555;
  if ((mode & needed) !== needed) return false;
  try {
    linkSync(source, target);
    return true;
  } catch {
    return false; // another file system, or somebody else's file
  }
}

/**
 * Removes a tree that may belong to the server's user. Root does not walk such a one: its owner
 * could swap a directory for a link to somewhere else on the way.
 */
export async function removeTree(path: string): Promise<void> {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (process.geteuid?.() === 0 && stats.isDirectory()) {
    const names = await readdir(path);
    if (stats.uid === 0) {
      for (const name of names) await removeTree(join(path, name));
    } else if (names.length > 0) {
      const owner = { name: '', uid: stats.uid, gid: stats.gid };
      const inside = names.map((name) => `./${name}`);
      await run('rm', ['-rf', '--', ...inside], { cwd: path, ...spawnIdentity(owner) }).catch(
        (error) => {
          // A root without the right to become that user walks it after all.
          if (error.code !== 'EPERM' && error.code !== 'EINVAL') throw error;
        },
      );
    }
  }
  await rm(path, { recursive: true, force: true, maxRetries: 5 });
}
