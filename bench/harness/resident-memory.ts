import { existsSync, readFileSync } from 'node:fs';

/** Only Linux tells it in files. */
export const MEMORY_IS_KNOWN = existsSync('/proc/self/status');

const EVERY_MS = 50;

export interface MemoryPoint {
  /** Since the first look. */
  readonly atMs: number;
  readonly mebibytes: number;
}

/** Of a process, in MiB. */
export interface ResidentMemory {
  /** Each 50 ms. */
  readonly course: readonly MemoryPoint[];
  /** The highest, by the kernel's own book-keeping. */
  readonly peak: number;
}

/** Now, in MiB. */
export function residentMemory(pid: number): number {
  return field(pid, 'VmRSS');
}

/** Looks on until a promise is settled. */
export async function memoryUntil(pid: number, end: Promise<unknown>): Promise<ResidentMemory> {
  const course: MemoryPoint[] = [];
  const beganAt = performance.now();
  const timer = setInterval(() => {
    const atMs = performance.now() - beganAt;
    try {
      course.push({ atMs, mebibytes: residentMemory(pid) });
    } catch {
      // It has ended, and says so by the promise.
      clearInterval(timer);
    }
  }, EVERY_MS);
  try {
    await end;
    return { course, peak: field(pid, 'VmHWM') };
  } finally {
    clearInterval(timer);
  }
}

function field(pid: number, name: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const [, kibibytes] = new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(status) ?? [];
  if (kibibytes === undefined) throw new Error(`The process ${pid} has no ${name}: it has ended.`);
  return Number(kibibytes) / 1024;
}
