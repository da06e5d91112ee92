import { formatCount } from '../format.ts';
import { countReplay, type ReplayRequest, scheduleReplay } from '../steer/replay.ts';
import { filterOf, parseChosen, whereToAsk } from './chosen-notifications.ts';
import { confirmed } from './confirm.ts';
import type { ChangeOptions, CommandContext } from './options.ts';
import { withDatabase } from './with-database.ts';

/** Schedules what was chosen to be handled again, after showing how many that are. */
export async function runReplay(context: CommandContext, options: ChangeOptions): Promise<number> {
  const { output } = context;
  const chosen = parseChosen(options);
  await withDatabase(context, 'schema', async (db) => {
    const request: ReplayRequest = {
      consumer: options.consumer,
      filter: await filterOf(db.pool, chosen),
      ...(options.dead ? { states: ['dead'] } : {}),
    };
    const count = await countReplay(db, request);
    const what = `${formatCount(count, options.dead ? 'dead letter' : 'notification')}`;
    const who = `by ${options.consumer}`;
    if (count === 0 || options.dryRun) {
      output.write(`${what} would be handled again ${who}.\n`);
      if (count === 0) output.write(whereToAsk(options));
      return;
    }
    if (!(await confirmed(context, `Let ${what} be handled again ${who}?`, options.yes))) {
      output.write('Nothing was changed.\n');
      return;
    }
    const scheduled = await scheduleReplay(db, request);
    output.write(
      `Scheduled ${formatCount(scheduled, 'notification')} to be handled again ${who}.\n`,
    );
  });
  return 0;
}
