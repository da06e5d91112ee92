import { partsOf, type Snapshot } from '../../cursor/snapshot.ts';
import type { DeliveryState } from '../delivery-state.ts';
import type { StoredConsumer, StoredCursor } from './stored-cursors.ts';

/**
 * The transaction ids, parted where the snapshots of any cursor begin or end: of all rows of a bucket,
 * most cursors see either all or none. Bucket n holds those from bounds[n - 1] (incl.) to bounds[n].
 */
export interface XidBuckets {
  /** In ascending order. */
  readonly bounds: readonly bigint[];
}

export function bucketsOf(consumers: readonly StoredConsumer[]): XidBuckets {
  const snapshots = consumers.flatMap(({ startSeen, cursors }) => [
    startSeen,
    ...cursors.flatMap(({ seen, until }) => (until === undefined ? [seen] : [seen, until])),
  ]);
  const bounds = snapshots.flatMap((snapshot) => {
    const { xmin, xmax } = partsOf(snapshot);
    return [xmin, xmax];
  });
  return { bounds: [...new Set(bounds)].sort((a, b) => (a < b ? -1 : 1)) };
}

/** Some rows of one channel that lie in one bucket, and on one side of every window's id. */
export interface RowGroup {
  readonly bucket: number;
  readonly channel: string;
  readonly lastId: number;
  /** When the last of them was written, or committed. */
  readonly settledAt: Date;
}

/**
 * What all rows of a group are for a consumer, but for those that have a redelivery.
 * @returns 'not its own', or undefined when that cannot be said of all alike, or has to be looked at
 */
export function stateOfGroup(
  { startSeen, partitions, cursors }: StoredConsumer,
  group: RowGroup,
  buckets: XidBuckets,
): DeliveryState | 'not its own' | undefined {
  const having = cursors.filter(({ channels }) => channels.includes(group.channel));
  if (having.length === 0) return 'not its own';
  if (having.length !== partitions || cursors.length !== partitions) return undefined;
  const skipped = seesBucket(startSeen, group.bucket, buckets);
  if (skipped !== false) return skipped === true ? 'skipped' : undefined;
  const passed = new Set(having.map((cursor) => hasPassed(cursor, group, buckets)));
  const [first] = passed;
  if (passed.size !== 1 || first === undefined) return undefined;
  if (!first) return 'pending';
  return having.every(({ storedAt }) => group.settledAt < storedAt) ? 'handled' : undefined;
}

function hasPassed(
  { seen, until, lastId }: StoredCursor,
  group: RowGroup,
  buckets: XidBuckets,
): boolean | undefined {
  const isSeen = seesBucket(seen, group.bucket, buckets);
  if (isSeen !== false || until === undefined || lastId === undefined) return isSeen;
  // Groups end at the ids of windows.
  return group.lastId <= lastId ? seesBucket(until, group.bucket, buckets) : false;
}

/** Whether all of the bucket is visible, or nothing; undefined: some of it may be. */
function seesBucket(
  snapshot: Snapshot,
  bucket: number,
  { bounds }: XidBuckets,
): boolean | undefined {
  const { xmin, xmax } = partsOf(snapshot);
  const [from, to] = [bounds[bucket - 1] ?? 0n, bounds[bucket]];
  if (to !== undefined && to <= xmin) return true;
  return from >= xmax ? false : undefined;
}
