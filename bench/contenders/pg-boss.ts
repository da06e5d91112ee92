import PgBoss from 'pg-boss';
import { startWorker } from '../harness/worker.ts';
import { type Contender, createRowTrigger, fileOf, sinkEnvironment } from './contender.ts';

export const pgBoss: Contender = {
  name: 'pg-boss',
  async install(site) {
    const boss = new PgBoss({ connectionString: site.url });
    await boss.start();
    await boss.createQueue('bench');
    await boss.stop({ graceful: false });
    await createRowTrigger(
      site,
      `insert into pgboss.job (name, data, policy) values ('bench', payload, 'standard');`,
    );
  },
  start: (site, options = {}) =>
    startWorker(site, { file: fileOf('pg-boss-worker.ts'), env: sinkEnvironment(options) }),
};
