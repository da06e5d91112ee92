import type { Logger } from 'pino';
import type { OutageLog } from '../lifecycle/outage-log.ts';
import type { DeliveryEvent, DeliveryEventSink } from './events.ts';
import type { Failure } from './outcome.ts';

/** Writes what happens to the log: a constant message plus fields. */
export function logDeliveryEvents(logger: Logger, outage: OutageLog): DeliveryEventSink {
  return (event) => {
    switch (event.type) {
      case 'handled':
        if (logger.isLevelEnabled('debug')) logger.debug(about(event), 'notification handled');
        return;
      case 'retrying':
        logger.warn(
          {
            ...about(event),
            attempt: event.attempts,
            retryInSeconds: Math.round(event.delaySeconds * 10) / 10,
            ...errorOf(event),
          },
          'handler failed, will be retried',
        );
        return;
      case 'dead-lettered':
        logger.error(
          { ...about(event), attempt: event.attempts, ...errorOf(event) },
          'handler failed for good, dead-lettered',
        );
        return;
      default:
        logStateChange(logger, outage, event);
    }
  };
}

type StateChange = Exclude<DeliveryEvent, { row: unknown }>;

function logStateChange(logger: Logger, outage: OutageLog, event: StateChange): void {
  const { type, consumer } = event;
  switch (type) {
    case 'registered':
      logger.info({ consumer }, 'new consumer registered');
      return;
    case 'claimed': {
      const { epoch, gainedChannels, scheduled, lostChannels, dropped } = event;
      logger.debug({ consumer, epoch }, 'lease taken');
      // One that was restarted in the middle of an outage does not know of it.
      outage.back(partOf(event));
      outage.back(partOf({ consumer, operation: 'store-cursor' }));
      if (gainedChannels.length > 0) {
        logger.info(
          { consumer, channels: gainedChannels, scheduled },
          'consumer gained channels, their history will be played back',
        );
      }
      if (lostChannels.length > 0) {
        logger.warn(
          { consumer, channels: lostChannels, dropped },
          'consumer lost channels, its retries there were dropped',
        );
      }
      return;
    }
    case 'waiting-for-lease':
      logger.info(
        { consumer, owner: event.owner, leaseSeconds: Math.ceil(event.secondsLeft) },
        'consumer is run by another process, waiting',
      );
      return;
    case 'fenced':
      logger.warn(
        { consumer },
        'lease lost: another process has taken over, or the server has crashed; claiming it again',
      );
      return;
    case 'commit-unknown':
      logger.warn(
        { consumer, err: event.error },
        'server lost during a commit, reading the cursor again',
      );
      return;
    case 'skipped-playback':
      logger.warn({ consumer }, 'playback skipped, starting from now');
      return;
    case 'live':
      logger.info({ consumer, replayed: event.replayed }, 'consumer live');
      return;
    case 'database-lost':
      outage.lost(partOf(event), event.error);
      return;
    case 'database-back':
      outage.back(partOf(event));
      return;
    case 'released':
      logger.debug({ consumer }, 'lease handed over');
      return;
    default:
      event satisfies never;
  }
}

/** Reading and storing the cursor may fail apart from each other: in a read-only database. */
function partOf(event: { consumer: string; operation?: 'store-cursor' }): string {
  return event.operation === undefined ? event.consumer : `${event.consumer}: ${event.operation}`;
}

function about(event: {
  consumer: string;
  row: { id: number; channel: string; key: string | null };
}) {
  const { id, channel, key } = event.row;
  return { consumer: event.consumer, id, channel, ...(key === null ? {} : { key }) };
}

/** The error itself, because it knows where it was thrown; what is no error says that nowhere. */
function errorOf({ error, thrown }: Failure) {
  return thrown instanceof Error ? { err: thrown } : { error };
}
