import { type RawBuilder, sql } from 'kysely';
import { type Names, qualified } from '../db/names.ts';

/** One of the parts into which a consumer's notifications are split, by hash of their key. */
export interface Partition {
  /** From 0. */
  readonly number: number;
  /** How many there are. 1: it is not split. */
  readonly of: number;
}

/** What a cursor's reader wants of the log, and when it may have it. */
export interface Interest {
  readonly channels: readonly string[];
  readonly partition: Partition;
  /**
   * The life of the server in which the cursor was claimed. In another one, transaction ids were
   * given out again, and snapshots in memory seem to see what nobody has seen.
   */
  readonly life: string;
}

/** An Interest of somebody who may want every channel: undefined. */
export type WideInterest = Omit<Interest, 'channels'> & {
  readonly channels: readonly string[] | undefined;
};

/** A condition on rows of the log, and what its parameters are. */
export interface PartitionFilter {
  /** Ends the name of the prepared statement that has the condition. */
  readonly suffix: string;
  /** Begins with `and`; empty where nothing is split. */
  readonly condition: string;
  readonly values: readonly number[];
}

/**
 * The planner takes an equality with an expression for very selective, and would then rather collect
 * and sort the whole backlog than read the index in order; of a `case` it expects every second row.
 * @param firstParameter the number of the first parameter that is free
 */
export function partitionFilter(
  names: Names,
  { number, of }: Partition,
  firstParameter: number,
): PartitionFilter {
  if (of === 1) return { suffix: '', condition: '', values: [] };
  const partitionOf = `${qualified(names, 'partition_of')}(key, id, $${firstParameter + 1})`;
  return {
    suffix: '_of_partition',
    condition: `and case when ${partitionOf} = $${firstParameter} then true else false end`,
    values: [number, of],
  };
}

/** The number of a row's partition, for Kysely. */
export function partitionOf(
  { schema }: Names,
  key: RawBuilder<unknown>,
  id: RawBuilder<unknown>,
  partitions: number,
): RawBuilder<number> {
  return sql<number>`${sql.id(schema, 'partition_of')}(${key}, ${id}, ${partitions})`;
}

/** How events and logs name a partition: not at all where nothing is split. */
export const nameOf = ({ number, of }: Partition) => (of === 1 ? {} : { partition: number });
