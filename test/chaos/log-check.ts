import type { Committed } from './committed.ts';

/** How the log itself differs from what the writers' tables say. */
export interface LogFaults {
  /** Changes that committed and of which the log has no row. */
  readonly missing: number;
  /** Rows whose id is not in the order of the changes of their key, or that are there twice. */
  readonly misplaced: number;
}

/**
 * Whether the log has every change, in order: in the order of the ids, the sequence numbers of a key
 * are 1, 2, 3 and so on, up to where its row in the writers' tables stands.
 * @param sequences of the keys that are still there; a deleted row's last change is its deletion
 */
export function checkLog(
  committed: Iterable<Committed>,
  sequences: ReadonlyMap<string, number>,
): LogFaults {
  const last = new Map<string, number>();
  let missing = 0;
  let misplaced = 0;
  for (const { key, seq } of committed) {
    if (key === '') continue;
    const before = last.get(key) ?? 0;
    if (seq <= before) misplaced += 1;
    else missing += seq - before - 1;
    last.set(key, Math.max(seq, before));
  }
  for (const [key, seq] of sequences) missing += Math.max(0, seq - (last.get(key) ?? 0));
  return { missing, misplaced };
}
