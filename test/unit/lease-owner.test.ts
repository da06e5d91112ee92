import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import { hasEnded, newLeaseOwner, shownOwner } from '../../src/cursor/lease-owner.ts';

const self = newLeaseOwner();
const [host, pid, started, machine] = self.split('/');

/** An owner that differs from this process in these parts. */
function owner(parts: { pid?: number | string; started?: string; machine?: string }): string {
  return [host, parts.pid ?? pid, parts.started ?? started, parts.machine ?? machine, 'x'].join(
    '/',
  );
}

/** The pid of a process that was here and is no more. */
async function endedPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', ''], { stdio: 'ignore' });
  await once(child, 'exit');
  if (child.pid === undefined) throw new Error('the process did not start');
  return child.pid;
}

describe('a new owner', () => {
  it('says on which host and in which process it is', () => {
    expect([host, pid]).toEqual([hostname(), String(process.pid)]);
    expect(Number(started)).toBeLessThanOrEqual(Date.now());
  });

  it('is shown by its process and host alone, and another text as it is', () => {
    expect(shownOwner(self)).toBe(`process ${process.pid} on ${hostname()}`);
    expect(shownOwner('somebody')).toBe('somebody');
  });

  it('is another one than any before', () => {
    expect(new Set([1, 2, 3].map(newLeaseOwner)).size).toBe(3);
  });
});

describe('an owner has ended', () => {
  it('when its process is no longer on this machine', async () => {
    expect(hasEnded(owner({ pid: await endedPid() }), self)).toBe(true);
  });

  it('when this process has its pid and started at another time', () => {
    expect(hasEnded(owner({ started: '1' }), self)).toBe(true);
  });
});

describe('an owner may live', () => {
  it('as the same owner, or as another one of this process', () => {
    expect(hasEnded(self, self)).toBe(false);
    expect(hasEnded(newLeaseOwner(), self)).toBe(false);
  });

  it('as another process of this machine', () => {
    expect(hasEnded(owner({ pid: process.ppid }), self)).toBe(false);
  });

  it('on another machine, where its pid says nothing', async () => {
    expect(hasEnded(owner({ pid: await endedPid(), machine: 'another' }), self)).toBe(false);
  });

  it.each(['', 'somebody', 'a/b/c/d/e', owner({ pid: 'x' }), owner({ pid: '' })])(
    'when it cannot be understood (%j)',
    (text) => {
      expect(hasEnded(text, self)).toBe(false);
    },
  );
});
