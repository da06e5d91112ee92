import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, open, realpath, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PIECES = [1_048_576, 4_096];

/** A file system of a few megabytes, which a test can fill. It is in memory, and needs root. */
export class SmallDisk {
  readonly folder: string;
  readonly #ballast: string;
  #mounted = true;
  readonly #onExit = () => this.#unmountNow();

  private constructor(folder: string) {
    this.folder = folder;
    this.#ballast = join(folder, 'ballast');
    process.once('exit', this.#onExit);
  }

  /** Undefined: this user, or this system, cannot mount one. */
  static async mount(megabytes: number): Promise<SmallDisk | undefined> {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'pgwatch-disk-')));
    try {
      await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]);
    } catch {
      await rmdir(folder);
      return undefined;
    }
    return new SmallDisk(folder);
  }

  /** Leaves no room, not for a single page. */
  async fill(): Promise<void> {
    const file = await open(this.#ballast, 'a');
    try {
      for (const piece of PIECES) await appendUntilFull(file, Buffer.alloc(piece));
    } finally {
      await file.close();
    }
  }

  /** Gives back what fill() has taken. */
  async free(): Promise<void> {
    await rm(this.#ballast, { force: true });
  }

  /** Also while somebody still has a file open there. */
  async unmount(): Promise<void> {
    this.#unmountNow();
    process.off('exit', this.#onExit);
    await rmdir(this.folder);
  }

  #unmountNow(): void {
    if (!this.#mounted) return;
    this.#mounted = false;
    execFileSync('umount', ['--lazy', this.folder]);
  }
}

async function appendUntilFull(
  file: Awaited<ReturnType<typeof open>>,
  piece: Buffer,
): Promise<void> {
  for (;;) {
    try {
      await file.appendFile(piece);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return;
      throw error;
    }
  }
}
