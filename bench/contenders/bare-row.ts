import { type Contender, createRowTrigger } from './contender.ts';

/**
 * The least that a log of changes can be: a row with the old and the new values as JSON, one index, no
 * channel, no key, nobody told. Whoever keeps changes by a trigger in PL/pgSQL pays this.
 */
export const bareRow: Contender = {
  name: 'a row in a log',
  async install(site) {
    await site.client.query(`
      create table bare_log (id bigint generated always as identity primary key, payload jsonb not null)`);
    await createRowTrigger(site, 'insert into bare_log (payload) values (payload);');
  },
  start() {
    throw new Error('There is no process that would handle anything.');
  },
};
