import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** A process, told apart from a later one that was given the same number. */
export interface ProcessMark {
  readonly pid: number;
  /** When it started, in the kernel's words; empty where /proc does not say. */
  readonly started: string;
}

export function markProcess(pid: number): ProcessMark {
  return { pid, started: readStat(pid)?.started ?? '' };
}

export function isAlive(mark: ProcessMark): boolean {
  if (!answers(mark.pid)) return false;
  const stat = readStat(mark.pid);
  if (stat === undefined) return true;
  // A zombie answers signals for as long as nobody collects it.
  return stat.state !== 'Z' && (mark.started === '' || stat.started === mark.started);
}

/**
 * Where a pid means something: pids of another container, or of another machine that shares the
 * directory, say nothing here. Nor do those of before the last boot.
 */
export function pidNamespace(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}

function answers(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** The process's parent, where /proc says it. */
export function parentOf(pid: number): number | undefined {
  return readStat(pid)?.parent;
}

function readStat(pid: number): { state: string; parent: number; started: string } | undefined {
  try {
    // The second field is the program's name in brackets and may hold anything, brackets too.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    const [state = '', parent = ''] = fields;
    return { state, parent: Number(parent), started: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}
