import { readFileSync } from 'node:fs';
import type { RunningProgram } from './running-program.ts';

/**
 * The most memory that a running process has held so far (its resident set), in MiB. Undefined where
 * the system does not tell, and when the process is gone.
 */
export function peakMegabytes(pid: number): number | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const [, peak] = /^VmHWM:\s+(\d+) kB/m.exec(status) ?? [];
    return peak === undefined ? undefined : Math.round(Number(peak) / 1024);
  } catch {
    return undefined;
  }
}

export const PEAKS_ARE_KNOWN = peakMegabytes(process.pid) !== undefined;

const LOOK_EVERY_MS = 20;

/** The peak of a program that ends by itself, as last seen: waits for that end. */
export async function peakUntilEnd(program: RunningProgram): Promise<number> {
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, peakMegabytes(program.pid) ?? 0);
  }, LOOK_EVERY_MS);
  await program.ended;
  clearInterval(timer);
  return peak;
}
