import { shellWord } from '../shell-word.ts';
import { forgetConsumer, pauseConsumer, resumeConsumer } from '../steer/consumer-steering.ts';
import { confirmed } from './confirm.ts';
import type { CommandContext } from './options.ts';
import { withDatabase } from './with-database.ts';

/** Lets a consumer rest. */
export async function runPause(context: CommandContext, consumer: string): Promise<number> {
  const changed = await withDatabase(context, 'schema', (db) => pauseConsumer(db, consumer));
  context.output.write(
    changed
      ? `${consumer} is paused. What comes waits; \`pgwatch resume ${shellWord(consumer)}\` lets it go on.\n`
      : `${consumer} is paused already.\n`,
  );
  return 0;
}

/** Lets it go on. */
export async function runResume(context: CommandContext, consumer: string): Promise<number> {
  const changed = await withDatabase(context, 'schema', (db) => resumeConsumer(db, consumer));
  context.output.write(changed ? `${consumer} goes on.\n` : `${consumer} was not paused.\n`);
  return 0;
}

/** Retires it. */
export async function runForget(
  context: CommandContext,
  { yes }: { yes: boolean },
  consumer: string,
): Promise<number> {
  const question = `Forget ${consumer}: its position, its retries and its dead letters?`;
  await withDatabase(context, 'schema', async (db) => {
    if (await confirmed(context, question, yes)) {
      await forgetConsumer(db, consumer);
      context.output.write(`${consumer} is forgotten. Run again, it is a new consumer.\n`);
    } else {
      context.output.write('Nothing was changed.\n');
    }
  });
  return 0;
}
