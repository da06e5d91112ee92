import type { DiscoveredConsumer } from '../consumer/discovery.ts';
import { suspectsOf } from '../consumer/suspects.ts';
import type { Daemon } from '../daemon.ts';
import { Shutdown } from '../lifecycle/shutdown.ts';
import { notifySystemd, type SystemdState } from '../lifecycle/systemd.ts';
import type { Logger } from '../logger.ts';
import type { CommandContext } from './options.ts';

const EXIT_AT_ONCE = 1;

/**
 * Runs a daemon to its end, which is orderly: also when a signal asks for it, and when something is
 * thrown outside of every handler. Cursors are stored, and what was handled does not come again.
 *
 * @throws what was thrown outside of every handler; a rejection that nobody awaited is logged only,
 *   since nothing of ours stands on it
 */
export async function runOrderly(
  daemon: Daemon,
  consumers: readonly DiscoveredConsumer[],
  { config, logger, strayErrors }: CommandContext,
): Promise<void> {
  const shutdown = shutdownOf(daemon, config.shutdownTimeoutSeconds, logger);
  const thrown: unknown[] = [];
  const giveBack = strayErrors.takeOver((error, origin) => {
    const fields = { consumers: suspectsOf(error, consumers, config.root), err: error };
    if (origin === 'unhandledRejection') {
      logger.error(fields, 'a promise that no handler awaited was rejected, going on');
    } else {
      logger.error(fields, 'an error was thrown outside of every handler, stopping');
      thrown.push(error);
      shutdown.begin('error');
    }
    return undefined;
  });
  try {
    await daemon.run();
  } finally {
    shutdown.release();
    giveBack();
  }
  if (thrown.length > 0) throw thrown[0];
}

/** More than npm needs to pass a signal on, less than anybody needs to press Ctrl-C again. */
const ECHO_MS = 100;

/** A second signal ends the process at once; what is unfinished is repeated at the next start. */
function shutdownOf(daemon: Daemon, graceSeconds: number, logger: Logger): Shutdown {
  return new Shutdown({
    graceMs: graceSeconds * 1000,
    echoMs: process.stdin.isTTY ? ECHO_MS : 0,
    stop: (reason) => {
      logger.info({ reason }, 'stopping, waiting for handlers to finish');
      tellSystemd('stopping', logger);
      daemon.stop();
    },
    abort: () => {
      logger.warn({ graceSeconds }, 'handlers did not finish in time, aborting them');
      daemon.abort();
    },
    exit: (signal) => {
      logger.warn({ signal }, 'second signal, exiting at once');
      process.exit(EXIT_AT_ONCE);
    },
  });
}

export function tellSystemd(state: SystemdState, logger: Logger): void {
  void notifySystemd(state, (err) => logger.warn({ err, state }, 'systemd could not be told'));
}
