import type { Committed } from './committed.ts';
import type { FaultRecord } from './faults.ts';
import type { Handling } from './handlings.ts';
import { describeFault } from './schedule.ts';

/** How long a consumer was silent because of a fault, though there was something to handle. */
export interface Recovery {
  readonly fault: string;
  readonly consumer: string;
  readonly milliseconds: number;
  /** Whether another fault fell into that time. */
  readonly disturbed: boolean;
}

/** What one consumer did, and what befell it. */
export interface History {
  readonly consumer: string;
  /** In the order in which they were recorded. */
  readonly handlings: readonly Handling[];
  readonly committed: ReadonlyMap<number, Committed>;
  readonly faults: readonly FaultRecord[];
}

/** From the return of the server to the first handling after it. */
export function recoveriesOf(history: History): Recovery[] {
  return history.faults.flatMap((record) => {
    if (record.fault.kind !== 'restart') return [];
    const first = history.handlings.find(({ at }) => at >= record.until);
    return first === undefined ? [] : [recoveryOf(history, record, record.until, first)];
  });
}

/** A signal takes a moment to arrive, in which its process still handles. */
const MOMENT_MS = 100;

/**
 * From the moment when the process that ran the consumer was killed or frozen to the first handling
 * by another one.
 */
export function takeOversOf(history: History): Recovery[] {
  const { handlings, faults } = history;
  return faults.flatMap((record) => {
    const { fault, pid, at } = record;
    if (fault.kind !== 'kill' && fault.kind !== 'freeze') return [];
    const next = handlings.findIndex((handling) => handling.at > at + MOMENT_MS);
    const [before, first] = [handlings[next - 1], handlings[next]];
    // Either somebody else ran it, or it thawed before anybody missed it.
    if (before?.pid !== pid || first === undefined || first.pid === pid) return [];
    return [recoveryOf(history, record, at, first)];
  });
}

function recoveryOf(
  { consumer, committed, faults }: History,
  record: FaultRecord,
  from: number,
  first: Handling,
): Recovery {
  // Before it was committed, there was nothing to handle: the writers had been told to wait.
  const since = Math.max(from, committed.get(first.id)?.at ?? from);
  return {
    fault: describeFault(record.fault),
    consumer,
    milliseconds: Math.max(0, Math.round(first.at - since)),
    disturbed: faults.some(
      (other) => other !== record && other.at <= first.at && other.until >= from,
    ),
  };
}
