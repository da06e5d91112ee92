import { type ErrorCode, PgwatchError } from '../errors.ts';
import { suggest } from '../suggest.ts';
import type { DiscoveredConsumer } from './discovery.ts';

/** An empty or missing list says nothing; together they narrow each other down. */
export interface Selection {
  /** Ids. */
  readonly consumers?: readonly string[];
  readonly apps?: readonly string[];
  /** Ids. */
  readonly excludeConsumers?: readonly string[];
}

/**
 * Those of the discovered consumers that are in the named apps, are named, and are not excluded;
 * in their order.
 *
 * @throws {PgwatchError} CONSUMER_UNKNOWN, APP_UNKNOWN; CONSUMERS_NONE when nothing is left
 */
export function selectConsumers(
  discovered: readonly DiscoveredConsumer[],
  { consumers = [], apps = [], excludeConsumers = [] }: Selection,
): DiscoveredConsumer[] {
  if (discovered.length === 0) {
    throw new PgwatchError('CONSUMERS_NONE', {
      what: 'No consumers were found.',
      hint: 'Check `consumers` in the configuration; `pgwatch list-consumers` says where it looks.',
    });
  }
  const knownIds = new Set(discovered.map(({ consumer }) => consumer.id));
  const knownApps = new Set(discovered.map(({ app }) => app));
  assertKnown('CONSUMER_UNKNOWN', 'consumer', [...consumers, ...excludeConsumers], knownIds);
  assertKnown('APP_UNKNOWN', 'app', apps, knownApps);

  const named = discovered.filter(
    ({ consumer, app }) =>
      (consumers.length === 0 || consumers.includes(consumer.id)) &&
      (apps.length === 0 || apps.includes(app)),
  );
  const selected = named.filter(({ consumer }) => !excludeConsumers.includes(consumer.id));
  if (selected.length > 0) return selected;
  throw new PgwatchError('CONSUMERS_NONE', {
    what: 'No consumer is left to run.',
    why:
      named.length === 0
        ? `None of the named consumers (${quoted(consumers)}) is in the named apps (${quoted(apps)}).`
        : `All that were chosen are excluded: ${quoted(named.map(({ consumer }) => consumer.id))}.`,
    hint: 'Leave out one of the filters; `pgwatch list-consumers` shows what there is.',
  });
}

function assertKnown(
  code: ErrorCode,
  noun: 'consumer' | 'app',
  wanted: readonly string[],
  known: ReadonlySet<string>,
): void {
  const unknown = [...new Set(wanted)].filter((name) => !known.has(name));
  const [first] = unknown;
  if (first === undefined) return;
  const one = unknown.length === 1;
  throw new PgwatchError(code, {
    what: one
      ? `There is no ${noun} "${first}".${suggest(first, known)}`
      : `There are no ${noun}s ${unknown.map((name) => `"${name}"${suggestInside(name, known)}`).join(', ')}.`,
    hint: `There ${known.size === 1 ? 'is' : 'are'}: ${[...known].sort().join(', ')}.`,
  });
}

function suggestInside(name: string, known: ReadonlySet<string>): string {
  const suggestion = suggest(name, known).trim();
  return suggestion === '' ? '' : ` (${suggestion})`;
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}
