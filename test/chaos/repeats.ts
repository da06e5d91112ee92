import type { FaultRecord } from './faults.ts';
import type { Handling } from './handlings.ts';

/** A cursor is stored 100 ms after it moved; a busy machine takes longer. */
const STORED_WITHIN_MS = 5_000;
/**
 * A connection that a black hole left silent may be used within 10 s of idleness, and is given up
 * after 5 s of silence and a question that may take 15 s. What waits for it holds the cursor back.
 */
const OVER_WITHIN_MS = 30_000;
/** Of a handler that was frozen, until it comes to its end after all. */
const THAWED_WITHIN_MS = 2_000;

/**
 * How many handlings came again for no reason: no fault hit whoever had handled the notification
 * before, or the server, soon after that or not long before; nor was whoever handled it again frozen in
 * the middle of it, while another one took over. At least once is no licence: what was
 * handled is to be repeated only when its cursor could not be stored.
 */
export function unexplainedRepeats(
  handlings: readonly Handling[],
  faults: readonly FaultRecord[],
): number {
  const latest = new Map<number, Handling>();
  let unexplained = 0;
  for (const handling of handlings) {
    const before = latest.get(handling.id);
    latest.set(handling.id, handling);
    if (before === undefined) continue;
    const isExplained = faults.some((fault) => explains(fault, before) || thawed(fault, handling));
    if (!isExplained) unexplained += 1;
  }
  return unexplained;
}

function thawed({ fault, pid, at, until }: FaultRecord, handling: Handling): boolean {
  const isFreeze = fault.kind === 'freeze' && pid === handling.pid;
  return isFreeze && at <= handling.at && handling.at <= until + THAWED_WITHIN_MS;
}

function explains(fault: FaultRecord, { pid, at }: Handling): boolean {
  const hit = fault.pid === undefined || fault.pid === pid;
  return hit && fault.at <= at + STORED_WITHIN_MS && at <= fault.until + OVER_WITHIN_MS;
}
