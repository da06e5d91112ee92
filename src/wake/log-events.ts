import type { Logger } from 'pino';
import type { ListenerEvent } from './listener.ts';

/** Writes what happens to the LISTEN session to the log. */
export function logListenerEvents(logger: Logger): (event: ListenerEvent) => void {
  return (event) => {
    switch (event.type) {
      case 'listening':
        logger.info('listening');
        return;
      case 'polling':
        logger.info({ pollSeconds: event.pollSeconds }, 'polling');
        return;
      case 'poll-lost':
        logger.warn({ err: event.error }, 'database lost, polling again when it is back');
        return;
      case 'elected':
        logger.debug('this process is the doorkeeper now');
        return;
      case 'listen-lost':
        logger.warn({ err: event.error }, 'LISTEN session lost, reconnecting');
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
