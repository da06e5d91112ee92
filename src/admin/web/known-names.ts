import type { Visit } from './visit.ts';

/** What forms suggest. */
export interface KnownNames {
  /** Of the log. */
  readonly channels: readonly string[];
  /** Those that some consumer listens on. */
  readonly consumed: readonly string[];
  readonly consumers: readonly string[];
}

/** Nothing where the status cannot be read: a form works without suggestions. */
export async function knownNames({ site }: Visit): Promise<KnownNames> {
  try {
    const { consumers, log } = await site.watch.read();
    return {
      channels: log.channels.map(({ channel }) => channel).toSorted(),
      consumed: [...new Set(consumers.flatMap(({ channels }) => channels))],
      consumers: consumers.map(({ consumer }) => consumer).toSorted(),
    };
  } catch (err) {
    site.logger.debug({ err }, 'channels and consumers could not be read');
    return { channels: [], consumed: [], consumers: [] };
  }
}
