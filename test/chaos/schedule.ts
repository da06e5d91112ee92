import type { Healing } from './black-hole.ts';
import type { Random } from './random.ts';

/** Whom a fault hits: whoever runs a consumer at the time, else the daemon of this number. */
export interface Target {
  readonly runs: string | undefined;
  readonly daemon: number;
}

/** Something bad. Times in seconds. */
export type Fault =
  | { readonly kind: 'kill'; readonly target: Target; readonly downFor: number }
  | { readonly kind: 'freeze'; readonly target: Target; readonly for: number }
  | {
      readonly kind: 'black-hole';
      readonly target: Target;
      readonly for: number;
      readonly healing: Healing;
    }
  | { readonly kind: 'terminate'; readonly backends: number }
  | { readonly kind: 'restart'; readonly mode: 'fast' | 'immediate'; readonly downFor: number };

export interface ScheduledFault {
  /** Seconds after the start of the run. */
  readonly at: number;
  readonly fault: Fault;
}

export interface ScheduleOptions {
  readonly seconds: number;
  readonly daemons: number;
  readonly consumers: readonly string[];
  /** The average time between two faults. Some last longer than that, so they meet. */
  readonly everySeconds: number;
}

/** Before the first, everything shall be under way. */
const FIRST_AT = 2;

/**
 * Draws faults until the time is up, in rounds in which every kind has its turn. The same seed and
 * options give the same schedule.
 */
export function drawSchedule(random: Random, options: ScheduleOptions): ScheduledFault[] {
  const schedule: ScheduledFault[] = [];
  let round: ((random: Random, target: Target) => Fault)[] = [];
  const { everySeconds } = options;
  const gap = () => random.between(everySeconds * 0.5, everySeconds * 1.5);
  for (let at = FIRST_AT; at < options.seconds; at = tenths(at + gap())) {
    if (round.length === 0) round = random.shuffle(KINDS);
    const draw = round.pop();
    if (draw !== undefined) schedule.push({ at, fault: draw(random, drawTarget(random, options)) });
  }
  return schedule;
}

/** One line for people. */
export function describeFault(fault: Fault): string {
  switch (fault.kind) {
    case 'kill':
      return `kill -9 ${describeTarget(fault.target)}, down for ${fault.downFor} s`;
    case 'freeze':
      return `SIGSTOP ${describeTarget(fault.target)} for ${fault.for} s`;
    case 'black-hole':
      return `black hole before ${describeTarget(fault.target)} for ${fault.for} s, then ${fault.healing}`;
    case 'terminate':
      return `pg_terminate_backend of ${fault.backends} backends`;
    case 'restart':
      return `restart PostgreSQL, ${fault.mode}, down for ${fault.downFor} s`;
  }
}

/** The lease of the project's configuration is 3 s: some of these outlast it. */
const KINDS: readonly ((random: Random, target: Target) => Fault)[] = [
  (random, target) => ({ kind: 'kill', target, downFor: random.between(0.2, 5) }),
  (random, target) => ({ kind: 'kill', target, downFor: random.between(0.2, 5) }),
  (random, target) => ({ kind: 'freeze', target, for: random.between(3.5, 7) }),
  (random, target) => ({
    kind: 'black-hole',
    target,
    for: random.between(1, 8),
    healing: random.pick(['late', 'reset', 'forgotten']),
  }),
  (random) => ({ kind: 'terminate', backends: random.integer(1, 6) }),
  (random) => ({ kind: 'restart', mode: 'fast', downFor: random.between(0, 3) }),
  (random) => ({ kind: 'restart', mode: 'immediate', downFor: random.between(0, 3) }),
];

function drawTarget(random: Random, { daemons, consumers }: ScheduleOptions): Target {
  const daemon = random.integer(0, daemons - 1);
  const [first, ...others] = consumers;
  const runs = first === undefined ? undefined : random.pick([first, ...others]);
  // Every third hits anybody: one that stands by, or keeps the door.
  return { runs: random.chance(1 / 3) ? undefined : runs, daemon };
}

function describeTarget({ runs, daemon }: Target): string {
  return runs === undefined ? `daemon ${daemon}` : `who runs ${runs}`;
}

function tenths(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}
