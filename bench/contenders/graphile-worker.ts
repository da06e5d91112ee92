import { Logger, run } from 'graphile-worker';
import { handlePayload } from './read-payload.ts';
import { ready } from './sink.ts';

// `tuned` is what its own benchmark uses: a local queue, and completions in batches.
const tuned = {
  concurrentJobs: 24,
  maxPoolSize: 25,
  localQueue: { size: 500, refetchDelay: { durationMs: 10 } },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
};

await run({
  preset: {
    worker: {
      connectionString: process.env['DATABASE_URL'] ?? '',
      ...(process.argv[2] === 'tuned' ? tuned : {}),
    },
  },
  taskList: { bench: (payload) => handlePayload(payload as Parameters<typeof handlePayload>[0]) },
  logger: new Logger(() => () => {}),
});
ready();
