import PgBoss from 'pg-boss';
import { handlePayload } from './read-payload.ts';
import { ready } from './sink.ts';

/** The best of 100, 500, 1,000, 2,000 and 5,000 here. */
const BATCH_SIZE = 1_000;

const boss = new PgBoss({ connectionString: process.env['DATABASE_URL'] ?? '' });
boss.on('error', () => {});
await boss.start();
// work() pauses between two fetches for half a second at least: a loop of its own has no such limit.
const idle = () => new Promise((resolve) => setTimeout(resolve, 10));
void (async () => {
  for (;;) {
    const jobs = await boss.fetch<Parameters<typeof handlePayload>[0]>('bench', {
      batchSize: BATCH_SIZE,
    });
    if (jobs.length === 0) {
      await idle();
      continue;
    }
    for (const { data } of jobs) handlePayload(data);
    await boss.complete(
      'bench',
      jobs.map(({ id }) => id),
    );
  }
})();
ready();
