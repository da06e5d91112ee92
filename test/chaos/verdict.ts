import type { Committed } from './committed.ts';
import type { Handling } from './handlings.ts';

/** What one consumer made of the log. */
export interface Verdict {
  readonly committed: number;
  /** Different notifications that it handled. */
  readonly handled: number;
  /** Handlings beyond the first of each. */
  readonly repeated: number;
  /** Neither handled nor a dead letter that had to be one. */
  readonly lost: number;
  readonly deadLetters: number;
  /** Handlings of what is not in the log, or was something else there. */
  readonly rolledBack: number;
  /** First handlings that came after that of a later notification of their key. */
  readonly outOfOrder: number;
  /** Everything that was handled of the first key that is out of order, to find out why. */
  readonly disorder: readonly Handling[];
  /** From the commit to the first handling, in milliseconds. */
  readonly delay: Delay;
}

export interface Delay {
  readonly median: number;
  readonly p99: number;
  readonly worst: number;
}

export interface Evidence {
  readonly committed: ReadonlyMap<number, Committed>;
  /** In the order of the history. */
  readonly handlings: readonly Handling[];
  readonly deadLetters: ReadonlySet<number>;
  readonly isCondemned: (notificationId: number) => boolean;
}

/**
 * Compares what a consumer did with what it had to do.
 *
 * Order is asked of the first handling of each notification only. Delivery is at least once: what
 * was handled and not yet stored comes again after a crash, from where the cursor was stored, so a
 * repeat says nothing about order. Whoever takes over begins at or before the place that the other
 * had reached, so the first handlings of a key ascend even when two processes overlap, as when one
 * thaws and has not learned yet that it was replaced. "After" is meant by the order of the records,
 * which needs no clock.
 */
export function judge({ committed, handlings, deadLetters, isCondemned }: Evidence): Verdict {
  const handled = new Set<number>();
  const latest = new Map<string, number>();
  const delays: number[] = [];
  let rolledBack = 0;
  let outOfOrder = 0;
  let disordered: string | undefined;
  for (const { id, key, seq, at } of handlings) {
    const row = committed.get(id);
    if (row === undefined || row.key !== key || row.seq !== seq) {
      rolledBack += 1;
      continue;
    }
    if (handled.has(id)) continue;
    handled.add(id);
    delays.push(at - row.at);
    if (key === '') continue;
    const before = latest.get(key) ?? 0;
    if (id < before) {
      outOfOrder += 1;
      disordered ??= key;
    }
    latest.set(key, Math.max(id, before));
  }
  const settled = (id: number) => handled.has(id) || (deadLetters.has(id) && isCondemned(id));
  let lost = 0;
  for (const id of committed.keys()) if (!settled(id)) lost += 1;
  return {
    committed: committed.size,
    handled: handled.size,
    repeated: handlings.length - rolledBack - handled.size,
    lost,
    deadLetters: deadLetters.size,
    rolledBack,
    outOfOrder,
    disorder: handlings.filter(({ key }) => key === disordered),
    delay: summarise(delays),
  };
}

function summarise(delays: number[]): Delay {
  delays.sort((a, b) => a - b);
  const at = (share: number) =>
    Math.round(delays[Math.min(delays.length - 1, Math.floor(delays.length * share))] ?? 0);
  return { median: at(0.5), p99: at(0.99), worst: at(1) };
}
