import { formatCount } from '../format.ts';
import { countDiscard, type DiscardRequest, discard } from '../steer/discard.ts';
import { filterOf, parseChosen, whereToAsk } from './chosen-notifications.ts';
import { confirmed } from './confirm.ts';
import type { ChangeOptions, CommandContext } from './options.ts';
import { withDatabase } from './with-database.ts';

/** Gives up retries and dead letters, after showing how many that are. */
export async function runDiscard(context: CommandContext, options: ChangeOptions): Promise<number> {
  const { output } = context;
  const chosen = parseChosen(options);
  await withDatabase(context, 'schema', async (db) => {
    const request: DiscardRequest = {
      consumer: options.consumer,
      filter: await filterOf(db.pool, chosen),
      ...(options.dead ? { states: ['dead'] } : {}),
    };
    const count = await countDiscard(db, request);
    const countOf = (number: number) =>
      options.dead
        ? formatCount(number, 'dead letter')
        : formatCount(number, 'retry or dead letter', 'retries and dead letters');
    const what = countOf(count);
    if (count === 0 || options.dryRun) {
      output.write(`${what} of ${options.consumer} would be given up.\n`);
      if (count === 0) output.write(whereToAsk(options));
      return;
    }
    if (!(await confirmed(context, `Give up ${what} of ${options.consumer}?`, options.yes))) {
      output.write('Nothing was changed.\n');
      return;
    }
    const given = await discard(db, request);
    output.write(`Gave up ${countOf(given)} of ${options.consumer}.
`);
  });
  return 0;
}
