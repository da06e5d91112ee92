import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tryStartLock } from '../../src/db/embedded/start-lock.ts';

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pgwatch-test-'));
  path = join(directory, 'lock');
});
afterEach(() => rm(directory, { recursive: true }));

describe('the start lock', () => {
  it('is given to one of many who want it, and to the next when it is released', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => tryStartLock(path)));
    const releases = answers.filter((release) => release !== undefined);
    expect(releases).toHaveLength(1);
    await releases[0]?.();
    expect(await readdir(directory)).toEqual([]);
    expect(await tryStartLock(path)).toBeDefined();
  });

  it('is taken from a dead process', async () => {
    await tryStartLock(path);
    const own: object = JSON.parse(await readFile(path, 'utf8'));
    const child = spawn(process.execPath, ['-e', '']);
    await once(child, 'exit');
    await writeFile(path, JSON.stringify({ ...own, pid: child.pid }));
    expect(await tryStartLock(path)).toBeDefined();
  });

  it('is left to a process of another container, unless it is old', async () => {
    await writeFile(path, JSON.stringify({ pid: 1, started: '', namespace: 'another' }));
    expect(await tryStartLock(path)).toBeUndefined();
    const longAgo = new Date(Date.now() - 3_600_000);
    await utimes(path, longAgo, longAgo);
    expect(await tryStartLock(path)).toBeDefined();
  });

  it('is left to a process that is still writing it', async () => {
    await writeFile(path, '');
    expect(await tryStartLock(path)).toBeUndefined();
  });
});
