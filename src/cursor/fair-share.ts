/**
 * How many of a consumer's partitions a process is to run: as many as any other, or one more. Pure,
 * and every process that knows the same comes to the same shares. Whoever holds more already gets
 * the odd ones, so that as few as possible change hands.
 *
 * @param held how many each process that may run partitions runs now, by its name
 */
export function fairShare(
  partitions: number,
  held: ReadonlyMap<string, number>,
  self: string,
): number {
  const processes = [...held].sort(
    ([a, holdsA], [b, holdsB]) => holdsB - holdsA || (a < b ? -1 : 1),
  );
  const rank = processes.findIndex(([name]) => name === self);
  if (rank === -1) return 0;
  const each = Math.floor(partitions / processes.length);
  return rank < partitions % processes.length ? each + 1 : each;
}
