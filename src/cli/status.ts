import { assertSameCluster } from '../db/clone-guard.ts';
import type { Database } from '../db/database.ts';
import { messageOf } from '../error-fields.ts';
import { PgwatchError } from '../errors.ts';
import { formatSpan } from '../format.ts';
import { untilInterrupted } from '../lifecycle/interruption.ts';
import { OutageLog } from '../lifecycle/outage-log.ts';
import { pause } from '../lifecycle/pause.ts';
import { visible } from '../log-line.ts';
import { type Status, StatusReader } from '../observe/status.ts';
import { redactText } from '../redact.ts';
import type { CommandContext, StatusOptions } from './options.ts';
import { Screen } from './screen.ts';
import { statusJson, statusText } from './status-report.ts';
import { withDatabase } from './with-database.ts';

/** How long cursors are watched to tell how fast they move. */
const SAMPLE_MS = 1_000;
const WATCH_EVERY_MS = 2_000;

/** Shows how consumers and log are, once or again and again. */
export async function runStatus(context: CommandContext, options: StatusOptions): Promise<number> {
  const { output } = context;
  await withDatabase(context, 'schema', (db, reviveServer) =>
    untilInterrupted(async (interrupted) => {
      const signal = AbortSignal.any([interrupted, output.closed]);
      const reader = new StatusReader(db);
      await reader.read();
      await pause(SAMPLE_MS, signal);
      const read = async () => textOf(await reader.read(), options, output.columns);
      if (options.watch) await watch(context, { db, reviveServer, read }, signal);
      else if (!signal.aborted) output.write(await read());
    }),
  );
  return 0;
}

function textOf(status: Status, { json, watch }: StatusOptions, columns: number): string {
  if (!json) return statusText(status, columns);
  return `${JSON.stringify(statusJson(status), undefined, watch ? 0 : 2)}\n`;
}

interface Watched {
  readonly db: Database;
  readonly reviveServer: () => Promise<void>;
  readonly read: () => Promise<string>;
}

/**
 * Shows it until a signal, or until nobody reads any more. While the database does not answer, it says
 * so, on a terminal in the place of the status and else in the log, and tries again.
 * @throws CLUSTER_CHANGED when another database stands behind the URL after an outage
 */
async function watch(
  { output, logger }: CommandContext,
  { db, reviveServer, read }: Watched,
  signal: AbortSignal,
): Promise<void> {
  const screen = new Screen(output);
  const outage = new OutageLog(logger);
  let latest = '';
  let lostAt: number | undefined;
  while (!signal.aborted) {
    try {
      if (lostAt !== undefined) await assertSameCluster(db.pool, db.names.schema);
      latest = await read();
      lostAt = undefined;
      outage.back('status');
      screen.show(latest);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof PgwatchError && error.code === 'CLUSTER_CHANGED') throw error;
      if (lostAt === undefined) {
        reviveServer().catch((err) =>
          logger.error({ err }, 'embedded server could not be started'),
        );
      }
      lostAt ??= performance.now();
      // The log is on the terminal, too.
      if (screen.inPlace) screen.show(`${lossText(error, lostAt)}${latest}`);
      else outage.lost('status', error);
    }
    await output.taken();
    await pause(WATCH_EVERY_MS, signal);
  }
}

function lossText(error: unknown, lostAt: number): string {
  const since = formatSpan(performance.now() - lostAt);
  const why = error instanceof Error ? messageOf(error) : String(error);
  return `The database has not answered for ${since}, and is tried again:\n${visible(redactText(why))}\n\n`;
}
