import { fateOf } from './project/fate.ts';

/** A consumer of the project in test/chaos/project/, and what is asked of it. */
export interface ChaosConsumer {
  /** Its id, the name of its module in `project/consumers/`, and of what it records. */
  readonly id: string;
  /** Where it records what it has handled. */
  readonly records: 'file' | 'table';
  /** Notifications of one key are handled in the order of their ids. */
  readonly inOrder: boolean;
  /** A second handling is a fault, whatever crashed. */
  readonly exactlyOnce: boolean;
  /** Whether this notification must end as a dead letter. */
  isCondemned(seed: number, notificationId: number): boolean;
}

const AT_LEAST_ONCE = {
  records: 'file',
  inOrder: true,
  exactlyOnce: false,
  isCondemned: (seed, id) => fateOf(seed, id).condemned,
} as const satisfies Omit<ChaosConsumer, 'id'>;

/**
 * To add one: its module in `project/consumers/` and a line here. The places of three that are to
 * come:
 *
 *   transactional  { ...AT_LEAST_ONCE, id, records: 'table', exactlyOnce: true }; it writes into
 *                  chaos_effects (see tables.ts) with the transaction that its handler is given
 *   partitions     { ...AT_LEAST_ONCE, id }
 *   concurrency    { ...AT_LEAST_ONCE, id }
 */
export const CONSUMERS: readonly ChaosConsumer[] = [
  { ...AT_LEAST_ONCE, id: 'ordinary' },
  { ...AT_LEAST_ONCE, id: 'fast', isCondemned: () => false },
];
