import { resolve } from 'node:path';
import { placesInStack } from '../error-place.ts';
import type { DiscoveredConsumer } from './discovery.ts';

/**
 * The ids of the consumers whose module stands in an error's stack: of what was thrown outside of
 * every handler, nothing else says whose it was.
 *
 * @param root absolute: what the consumers' files are relative to
 */
export function suspectsOf(
  error: unknown,
  consumers: readonly DiscoveredConsumer[],
  root: string,
): readonly string[] {
  if (!(error instanceof Error)) return [];
  const files = new Set(placesInStack(error).map(({ file }) => file));
  return consumers
    .filter(({ file }) => files.has(resolve(root, file)))
    .map(({ consumer }) => consumer.id);
}
