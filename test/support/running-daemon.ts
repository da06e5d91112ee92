import pino from 'pino';
import type { ResolvedConfig } from '../../src/config/resolved-config.ts';
import type { Consumer } from '../../src/consumer/consumer.ts';
import { Daemon } from '../../src/daemon.ts';
import type { Database } from '../../src/db/database.ts';
import type { CallWatch } from '../../src/delivery/call-watch.ts';
import type { DeliveryEvent } from '../../src/delivery/events.ts';
import type { ListenerEvent } from '../../src/wake/listener.ts';
import { EventLog } from './event-log.ts';
import { resolveForTest } from './resolved-config.ts';

export interface RunningDaemon {
  readonly events: EventLog<DeliveryEvent | ListenerEvent>;
  /** Asks it to stop and waits for its end. */
  stop(): Promise<void>;
  abort(): void;
  /** Settles when it has ended by itself, too. */
  readonly ended: Promise<void>;
}

export interface StartOptions {
  readonly once?: boolean;
  readonly config?: Partial<ResolvedConfig>;
  readonly watch?: CallWatch;
}

/** A daemon in this process, against a real database. */
export function startDaemon(
  db: Database,
  consumers: readonly Consumer[],
  { once = false, config = {}, watch }: StartOptions = {},
): RunningDaemon {
  const events = new EventLog<DeliveryEvent | ListenerEvent>();
  const daemon = new Daemon({
    db,
    config: resolveForTest(config),
    consumers,
    logger: pino({ level: process.env['TEST_LOG_LEVEL'] ?? 'silent' }),
    onDelivery: (event) => events.add(event),
    watch,
    onListener: once ? undefined : (event) => events.add(event),
  });
  const ended = daemon.run();
  ended.catch(() => {}); // whoever awaits it sees it
  return {
    events,
    ended,
    abort: () => daemon.abort(),
    async stop() {
      daemon.stop();
      await ended;
    },
  };
}
