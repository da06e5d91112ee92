import { runMigrations } from 'graphile-worker';
import { startWorker } from '../harness/worker.ts';
import { type Contender, createRowTrigger, fileOf, sinkEnvironment } from './contender.ts';

function graphile(name: string, how: 'default' | 'tuned'): Contender {
  return {
    name,
    async install(site) {
      await runMigrations({ connectionString: site.url });
      await createRowTrigger(site, `perform graphile_worker.add_job('bench', payload::json);`);
    },
    start: (site, options = {}) =>
      startWorker(site, {
        file: fileOf('graphile-worker.ts'),
        parameters: [how],
        env: { ...sinkEnvironment(options), NO_LOG_SUCCESS: '1' },
      }),
  };
}

export const graphileDefault = graphile('graphile-worker', 'default');
export const graphileTuned = graphile('graphile-worker, tuned', 'tuned');
