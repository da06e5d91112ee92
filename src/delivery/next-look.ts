import type { LeaseOwner } from '../cursor/lease-owner.ts';
import { msUntilOthersEnd, type SplitState } from '../cursor/split.ts';

/** Another process may come, go, or give a lease back at any moment; a look is one read. */
const LOOK_EVERY_MS = 500;

/**
 * When a consumer's runner has to look around again: also just when a lease runs out that nobody has
 * renewed.
 * @param runs how many partitions this process runs
 */
export function msUntilNextLook(split: SplitState, owner: LeaseOwner, runs: number): number {
  // Whoever resumes it tells.
  if (split.paused) return Number.POSITIVE_INFINITY;
  const isAllOurs = split.partitions === 1 && split.closingAt === undefined && runs === 1;
  if (isAllOurs) return Number.POSITIVE_INFINITY;
  return Math.min(LOOK_EVERY_MS, msUntilOthersEnd(split, owner));
}
