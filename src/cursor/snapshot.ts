/**
 * A PostgreSQL snapshot as text: `xmin:xmax:xip,…` (type pg_snapshot). A transaction is visible in
 * it when its id is below xmax and not among xip, which are those still running.
 * Rule: https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT
 */
export type Snapshot = string & { readonly __snapshot: true };

/** The snapshot in which nothing is visible: where a consumer starts that wants the whole log. */
export const BEFORE_EVERYTHING = '1:1:' as Snapshot;

const SNAPSHOT = /^(?<xmin>[1-9]\d*):(?<xmax>[1-9]\d*):(?<xip>(?:\d+(?:,\d+)*)?)$/;

export interface SnapshotParts {
  readonly xmin: bigint;
  readonly xmax: bigint;
  /** In ascending order. */
  readonly xip: readonly bigint[];
}

/** A snapshot from the database. @throws RangeError when the text is none */
export function asSnapshot(text: string): Snapshot {
  if (!SNAPSHOT.test(text)) throw new RangeError(`Not a snapshot: ${text}`);
  return text as Snapshot;
}

export function partsOf(snapshot: Snapshot): SnapshotParts {
  const { xmin = '1', xmax = '1', xip = '' } = SNAPSHOT.exec(snapshot)?.groups ?? {};
  return {
    xmin: BigInt(xmin),
    xmax: BigInt(xmax),
    xip: xip === '' ? [] : xip.split(',').map(BigInt),
  };
}

/** Whether what the transaction wrote is visible in the snapshot, had it committed. */
export function isVisible(xid: bigint, snapshot: Snapshot): boolean {
  const { xmax, xip } = partsOf(snapshot);
  return xid < xmax && !xip.includes(xid);
}

/**
 * Whether everything that is visible in the earlier snapshot is visible in the later one. Of two
 * snapshots of one server, one always includes the other.
 */
export function includes(later: Snapshot, earlier: Snapshot): boolean {
  const { xmax, xip } = partsOf(later);
  const before = partsOf(earlier);
  return before.xmax <= xmax && xip.every((xid) => xid >= before.xmax || before.xip.includes(xid));
}

/** What is visible in both: of two snapshots of one server the earlier, of made-up ones perhaps neither. */
export function intersection(one: Snapshot, other: Snapshot): Snapshot {
  const [a, b] = [partsOf(one), partsOf(other)];
  const xmax = a.xmax < b.xmax ? a.xmax : b.xmax;
  const running = [...new Set([...a.xip, ...b.xip])]
    .filter((xid) => xid < xmax)
    .sort((x, y) => (x < y ? -1 : 1));
  return asSnapshot(`${running[0] ?? xmax}:${xmax}:${running.join(',')}`);
}
