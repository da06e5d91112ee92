import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { isAlive, markProcess } from '../../src/db/embedded/process-mark.ts';
import { skipBecause } from '../support/skip.ts';

describe('the mark of a process', () => {
  it('says that a running process is alive', () => {
    expect(isAlive(markProcess(process.pid))).toBe(true);
  });

  it('says that an ended process is not', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()']);
    const mark = markProcess(child.pid ?? 0);
    expect(isAlive(mark)).toBe(true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(isAlive(mark)).toBe(false);
  });

  it('is not fooled by a later process with the same number', (test) => {
    const mark = markProcess(process.pid);
    if (mark.started === '') skipBecause(test, 'this system does not say when a process started');
    expect(isAlive({ ...mark, started: `${mark.started}0` })).toBe(false);
  });
});
