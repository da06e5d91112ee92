import { type CleanupProgress, type CleanupResult, cleanupOldNotifications } from '../log/prune.ts';
import type { CleanupOptions, CommandContext } from './options.ts';
import { formatTable } from './output.ts';
import { withDatabase } from './with-database.ts';

/** Deletes old notifications that nobody wants any more, and says what stays and for whom. */
export async function runCleanup(
  context: CommandContext,
  options: CleanupOptions,
): Promise<number> {
  const { config, output } = context;
  const result = await withDatabase(context, 'schema', (db) =>
    withProgress(context, (onProgress) =>
      cleanupOldNotifications(db.pool, {
        ...options,
        days: config.cleanup.days,
        schema: db.names.schema,
        ...(onProgress === undefined ? {} : { onProgress }),
      }),
    ),
  );
  output.write(report(result, config.cleanup.days, options.dryRun));
  return 0;
}

type OnProgress = (progress: CleanupProgress) => void;

/** Shows progress on a terminal; elsewhere it would only be noise. */
async function withProgress<T>(
  { output }: CommandContext,
  task: (onProgress: OnProgress | undefined) => Promise<T>,
): Promise<T> {
  if (!output.isTerminal) return task(undefined);
  const { progress } = await import('@clack/prompts');
  const bar = progress({ max: 100 });
  let shown = 0;
  bar.start('Cleaning up');
  try {
    const result = await task(({ share, soFar }) => {
      const percent = Math.floor(share * 100);
      bar.advance(percent - shown, `${soFar.deleted} deleted, ${soFar.kept} kept`);
      shown = percent;
    });
    bar.stop('Clean-up done');
    return result;
  } catch (error) {
    bar.error('Clean-up failed');
    throw error;
  }
}

function report(result: CleanupResult, days: number, dryRun: boolean): string {
  const verb = dryRun ? 'Would delete' : 'Deleted';
  const age = `older than ${days} ${days === 1 ? 'day' : 'days'} (before ${result.olderThan.toISOString()})`;
  const lines = [`${verb} ${plural(result.deleted)} ${age}.\n`];
  if (result.deleted > 0) {
    const rows = Object.entries(result.deletedByChannel).map(([channel, count]) => [
      channel,
      String(count),
    ]);
    lines.push(formatTable(['CHANNEL', dryRun ? 'TO DELETE' : 'DELETED'], rows));
  }
  if (result.kept > 0) {
    lines.push(`${dryRun ? 'Would keep' : 'Kept'} ${plural(result.kept)} of that age:\n`);
    lines.push(
      formatTable(
        ['CONSUMER', 'BECAUSE', 'COUNT'],
        result.keptFor.map(({ consumer, because, count }) => [consumer, because, String(count)]),
      ),
    );
  }
  return lines.join('');
}

function plural(count: number): string {
  return `${count} ${count === 1 ? 'notification' : 'notifications'}`;
}
