import { startWorker } from '../harness/worker.ts';
import { type Contender, createRowTrigger, fileOf, sinkEnvironment } from './contender.ts';

/** NOTIFY with the payload, heard by whoever listens just then: nothing is kept. */
function notifying(name: string, file: string): Contender {
  return {
    name,
    install: (site) => createRowTrigger(site, `perform pg_notify('bench', payload::text);`),
    start: (site, options = {}) =>
      startWorker(site, { file: fileOf(file), env: sinkEnvironment(options) }),
  };
}

export const bareListen = notifying('LISTEN (pg)', 'notify-worker.ts');
export const pgListen = notifying('LISTEN (pg-listen)', 'pg-listen-worker.ts');
