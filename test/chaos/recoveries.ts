import type { FaultRecord } from './faults.ts';
import type { Handling } from './handlings.ts';
import { describeFault } from './schedule.ts';

/** How long a consumer was silent because of a fault. */
export interface Recovery {
  readonly fault: string;
  readonly consumer: string;
  readonly milliseconds: number;
  /** Whether another fault fell into that time. */
  readonly disturbed: boolean;
}

/** From the return of the server to the first handling after it. */
export function recoveriesOf(
  consumer: string,
  handlings: readonly Handling[],
  faults: readonly FaultRecord[],
): Recovery[] {
  return faults.flatMap((record) => {
    const { fault, until } = record;
    if (fault.kind !== 'restart') return [];
    const first = handlings.find(({ at }) => at >= until);
    return first === undefined ? [] : [recoveryOf(record, consumer, until, first.at, faults)];
  });
}

/** A signal takes a moment to arrive, in which its process still handles. */
const MOMENT_MS = 100;

/**
 * From the moment when the process that ran the consumer was killed or frozen to the first handling
 * by another one.
 */
export function takeOversOf(
  consumer: string,
  handlings: readonly Handling[],
  faults: readonly FaultRecord[],
): Recovery[] {
  return faults.flatMap((record) => {
    const { fault, pid, at } = record;
    if (fault.kind !== 'kill' && fault.kind !== 'freeze') return [];
    const next = handlings.findIndex((handling) => handling.at > at + MOMENT_MS);
    const [before, first] = [handlings[next - 1], handlings[next]];
    // Either somebody else ran it, or it thawed before anybody missed it.
    if (before?.pid !== pid || first === undefined || first.pid === pid) return [];
    return [recoveryOf(record, consumer, at, first.at, faults)];
  });
}

function recoveryOf(
  record: FaultRecord,
  consumer: string,
  from: number,
  to: number,
  faults: readonly FaultRecord[],
): Recovery {
  return {
    fault: describeFault(record.fault),
    consumer,
    milliseconds: to - from,
    disturbed: faults.some((other) => other !== record && other.at <= to && other.until >= from),
  };
}
