import { fateOf } from './project/fate.ts';

/** A consumer of the project in test/chaos/project/, and what is asked of it. */
export interface ChaosConsumer {
  /** Its id, the name of its module in `project/consumers/`, and of what it records. */
  readonly id: string;
  /** Those that its module names. */
  readonly channels: readonly string[];
  /** Where it records what it has handled. */
  readonly records: 'file' | 'table';
  /** Notifications of one key are handled in the order of their ids. */
  readonly inOrder: boolean;
  /** A second handling is a fault, whatever crashed. */
  readonly exactlyOnce: boolean;
  /** Several processes run it at once, so nobody takes it over as a whole. */
  readonly isShared: boolean;
  /** Whether this notification must end as a dead letter. */
  isCondemned(seed: number, notificationId: number): boolean;
}

const ORDINARY = {
  channels: ['items', 'bulk', 'events'],
  records: 'file',
  inOrder: true,
  exactlyOnce: false,
  isShared: false,
  isCondemned: (seed, id) => fateOf(seed, id).condemned,
} as const satisfies Omit<ChaosConsumer, 'id'>;

/** To add one: its module in `project/consumers/`, and a line here. */
export const CONSUMERS: readonly ChaosConsumer[] = [
  { ...ORDINARY, id: 'ordinary' },
  { ...ORDINARY, id: 'fast', isCondemned: () => false },
  { ...ORDINARY, id: 'concurrent' },
  { ...ORDINARY, id: 'partitioned', isShared: true },
  {
    ...ORDINARY,
    id: 'transactional',
    // A commit for each, and behind others that never rest: some 50 a second on a busy machine.
    channels: ['accounts'],
    records: 'table',
    exactlyOnce: true,
  },
];
