import type { Logger } from 'pino';
import { shownOwner } from '../cursor/lease-owner.ts';
import type { OutageLog } from '../lifecycle/outage-log.ts';
import type { DeliveryEvent, DeliveryEventSink } from './events.ts';
import type { Failure } from './outcome.ts';

/** Writes what happens to the log: a constant message plus fields. */
export function logDeliveryEvents(logger: Logger, outage: OutageLog): DeliveryEventSink {
  return (event) => {
    switch (event.type) {
      case 'handled':
        if (!logger.isLevelEnabled('debug')) return;
        for (const row of event.rows) {
          logger.debug(about({ ...event, row }), 'notification handled');
        }
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
      case 'given-up':
        logger.warn(
          { ...about(event), attempt: event.attempts, ...errorOf(event) },
          'handler failed, and its notification was discarded meanwhile',
        );
        return;
      default:
        logStateChange(logger, outage, event);
    }
  };
}

type StateChange = Exclude<DeliveryEvent, { row: unknown } | { rows: unknown }>;

function logStateChange(logger: Logger, outage: OutageLog, event: StateChange): void {
  const who = whoOf(event);
  const { consumer } = who;
  switch (event.type) {
    case 'registered':
      logger.info(who, 'new consumer registered');
      return;
    case 'claimed': {
      const { epoch, gainedChannels, scheduled, lostChannels, dropped } = event;
      logger.debug({ ...who, epoch }, 'lease taken');
      // One that was restarted in the middle of an outage does not know of it.
      endOutageOf(who, outage);
      if (gainedChannels.length > 0) {
        logger.info(
          { ...who, channels: gainedChannels, scheduled },
          'consumer gained channels, their history will be played back',
        );
      }
      if (lostChannels.length > 0) {
        logger.warn(
          { ...who, channels: lostChannels, dropped },
          'consumer lost channels, its retries there were dropped',
        );
      }
      return;
    }
    case 'waiting-for-lease':
      logger.info(
        {
          ...who,
          owner: shownOwner(event.owner),
          leaseSeconds: Math.ceil(event.secondsLeft),
        },
        'consumer is run by another process, waiting',
      );
      return;
    case 'sharing': {
      const { partitions, share, processes } = event;
      logger.info({ consumer, partitions, share, processes }, 'consumer is shared by processes');
      return;
    }
    case 'waiting-for-split':
      logger.warn(
        {
          consumer,
          owner: shownOwner(event.owner),
          partitions: event.wanted,
          found: event.found,
        },
        'another process runs this consumer with another number of partitions, waiting for its end',
      );
      return;
    case 'split-closing':
      logger.info(
        { consumer, from: event.from, to: event.to },
        'number of partitions will change as soon as what was there before is handled',
      );
      return;
    case 'split-changed':
      logger.info({ consumer, from: event.from, to: event.to }, 'number of partitions changed');
      return;
    case 'fenced':
      endOutageOf(who, outage);
      logger.warn(
        who,
        'lease lost: another process has taken over, or the server has crashed; claiming it again',
      );
      return;
    case 'commit-unknown':
      logger.warn(
        { ...who, err: event.error },
        'server lost during a commit, reading the cursor again',
      );
      return;
    case 'skipped-playback':
      logger.warn(who, 'playback skipped, starting from now');
      return;
    case 'paused':
      logger.warn(who, 'consumer paused; `pgwatch resume` lets it go on');
      return;
    case 'resumed':
      logger.info(who, 'consumer resumed');
      return;
    case 'forgotten':
      logger.warn(who, 'consumer was forgotten (`pgwatch forget`); not run until the next start');
      return;
    case 'read':
      return;
    case 'live':
      logger.info({ ...who, replayed: event.replayed }, 'consumer live');
      return;
    case 'database-lost':
      outage.lost(partOf(event), event.error);
      return;
    case 'database-back':
      outage.back(partOf(event));
      return;
    case 'released':
      endOutageOf(who, outage);
      logger.debug(who, 'lease handed over');
      return;
    default:
      event satisfies never;
  }
}

/** Whoever began or ended running it has reached the database; what was lost before is over. */
function endOutageOf(who: Who, outage: OutageLog): void {
  outage.back(partOf(who));
  outage.back(partOf({ ...who, operation: 'store-cursor' }));
}

/** Reading and storing the cursor may fail apart from each other: in a read-only database. */
function partOf(event: Who & { operation?: 'store-cursor' }): string {
  const { consumer, partition, operation } = event;
  const part = partition === undefined ? consumer : `${consumer}, partition ${partition}`;
  return operation === undefined ? part : `${part}: ${operation}`;
}

interface Who {
  consumer: string;
  partition?: number;
}

function whoOf({ consumer, partition }: Who): Who {
  return partition === undefined ? { consumer } : { consumer, partition };
}

function about(event: Who & { row: { id: number; channel: string; key: string | null } }) {
  const { id, channel, key } = event.row;
  return { ...whoOf(event), id, channel, ...(key === null ? {} : { key: shownKey(key) }) };
}

/** A key can be as long as a payload. */
const LONGEST_KEY = 1_000;

function shownKey(key: string): string {
  return key.length <= LONGEST_KEY ? key : `${key.slice(0, LONGEST_KEY)}…`;
}

/** The error itself, because it knows where it was thrown; what is no error says that nowhere. */
function errorOf({ error, thrown }: Failure) {
  return thrown instanceof Error ? { err: thrown } : { error };
}
