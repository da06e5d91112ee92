import { readFileSync } from 'node:fs';

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
