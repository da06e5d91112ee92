import { untilInterrupted } from '../lifecycle/interruption.ts';
import { OutageLog } from '../lifecycle/outage-log.ts';
import type { Logger } from '../logger.ts';
import { type FollowEvent, followLog } from '../observe/follow-log.ts';
import { byServersClock, parseTime } from '../observe/time.ts';
import { logListenerEvents } from '../wake/log-events.ts';
import type { CommandContext, TailOptions } from './options.ts';
import { notificationJson, notificationLine } from './tail-report.ts';
import { withDatabase } from './with-database.ts';

/** Notifications that are read at once. */
const ROWS_AT_ONCE = 1_000;
/** Without a daemon nobody rings; a look is one probe of an index. */
const LOOK_EVERY_MS = 500;

/** Shows notifications as they become visible, until a signal or until nobody reads any more. */
export async function runTail(
  context: CommandContext,
  { channels, since, json }: TailOptions,
): Promise<number> {
  const { config, output, logger } = context;
  const typed = { since: since === undefined ? undefined : parseTime(since), until: undefined };
  await withDatabase(context, 'schema', (db, reviveServer) =>
    untilInterrupted(async (interrupted) => {
      const log = logFollowEvents(logger);
      const { since: from } = await byServersClock(db.pool, typed);
      await followLog(
        {
          db,
          channels: channels.length === 0 ? undefined : channels,
          since: from,
          limits: { rows: ROWS_AT_ONCE, bytes: config.maxBatchBytes },
          listen: config.wake === 'listen',
          lookEveryMs: config.wake === 'listen' ? LOOK_EVERY_MS : config.pollSeconds * 1000,
          reconnectDelaySeconds: config.reconnectDelaySeconds,
          async onRows(rows) {
            for (const row of rows) {
              if (output.closed.aborted) return;
              output.write(json ? notificationJson(row) : notificationLine(row, output.columns));
              await output.taken();
            }
          },
          emit(event) {
            log(event);
            if (event.type !== 'read-lost') return;
            reviveServer().catch((err) => {
              logger.error({ err }, 'embedded server could not be started');
            });
          },
        },
        AbortSignal.any([interrupted, output.closed]),
      );
    }),
  );
  return 0;
}

function logFollowEvents(logger: Logger): (event: FollowEvent) => void {
  const outage = new OutageLog(logger);
  const logListening = logListenerEvents(logger, outage);
  return (event) => {
    switch (event.type) {
      case 'following':
        logger.info('following the log');
        return;
      case 'unheard':
        logger.info(
          { reason: event.error.message },
          'LISTEN does not reach this process, looking twice a second',
        );
        return;
      case 'read-lost':
        outage.lost('read', event.error);
        return;
      case 'read-back':
        outage.back('read');
        return;
      default:
        logListening(event);
    }
  };
}
