import type { Logger } from 'pino';
import type { OutageLog } from '../lifecycle/outage-log.ts';
import type { ListenerEvent } from './listener.ts';

const PART = 'wake-up';

/** Writes what happens to the LISTEN session to the log. */
export function logListenerEvents(
  logger: Logger,
  outage: OutageLog,
): (event: ListenerEvent) => void {
  let begun = false;
  const ready = (fields: object, message: string) => {
    if (begun) logger.debug(fields, message);
    else logger.info(fields, message);
    begun = true;
    outage.back(PART);
  };
  return (event) => {
    switch (event.type) {
      case 'listening':
        ready({}, 'listening');
        return;
      case 'polling':
        ready({ pollSeconds: event.pollSeconds }, 'polling');
        return;
      case 'rung':
        return;
      case 'elected':
        logger.debug('this process is the doorkeeper now');
        return;
      case 'found-unrung':
        logger.debug('found notifications that nobody rang for');
        return;
      case 'listen-lost':
      case 'poll-lost':
        outage.lost(PART, event.error);
        return;
      case 'listen-unheard':
        logger.warn({ err: event.error }, 'LISTEN hears nothing of what is notified, trying again');
        return;
      case 'ended-silent-doorkeeper':
        logger.warn(
          { succeeded: event.succeeded },
          'the doorkeeper did not ring for new notifications, ended its session',
        );
        return;
      default:
        event satisfies never;
    }
  };
}
