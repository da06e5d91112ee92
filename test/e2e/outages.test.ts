import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProject } from '../support/project.ts';
import {
  startTestServer,
  type TestServer,
  type TestServers,
} from '../support/replicated-server.ts';
import type { RunningProgram } from '../support/running-program.ts';
import { query } from '../support/server-probe.ts';

let servers: TestServers;
let server: TestServer;

beforeAll(async () => {
  servers = await startTestServer();
  server = servers.primary;
  await query(server.url, "create role app login password 'app'");
  await query(server.url, 'create database app owner app');
});
afterAll(() => servers.remove());

function appUrl(settings = ''): string {
  const url = server.url.replace('postgres:replicated@', 'app:app@').replace(/[^/]*$/, 'app');
  return `${url}?options=${encodeURIComponent(settings)}`;
}

/** As a superuser, in the application's database; may write whatever the server's default is. */
function asSuperuser(sql: string) {
  const url = server.url.replace(/[^/]*$/, 'app');
  return query(`${url}?options=-c%20default_transaction_read_only%3Doff`, sql);
}

const TERMINATE = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'";

/** An outage, from its begin to its end. */
interface Outage {
  /** Of the daemon's sessions. */
  readonly settings?: string;
  /** There is something to handle in it, which can be read, and whose cursor cannot be stored. */
  readonly writesMeanwhile?: true;
  begin(): Promise<unknown>;
  end(): Promise<unknown>;
}

/** Holds what cursors are written to, so that every write waits for it. */
let holder: pg.Client | undefined;

const OUTAGES: Readonly<Record<string, Outage>> = {
  'killed backends': { begin: () => asSuperuser(TERMINATE), end: async () => {} },
  'a crash of the server': { begin: () => server.stop('immediate'), end: () => server.start() },
  'too many connections': {
    async begin() {
      await asSuperuser('alter role app connection limit 0');
      await asSuperuser(TERMINATE);
    },
    end: () => asSuperuser('alter role app connection limit -1'),
  },
  'statements that time out': {
    settings: '-c statement_timeout=1000',
    writesMeanwhile: true,
    async begin() {
      holder = new pg.Client({ connectionString: server.url.replace(/[^/]*$/, 'app') });
      await holder.connect();
      await holder.query('begin');
      await holder.query('lock table pgwatch.consumer_cursor in access exclusive mode');
      await asSuperuser(`select smart_notify('many', '"meanwhile"')`);
    },
    end: async () => holder?.end(),
  },
  'a read-only database': {
    writesMeanwhile: true,
    async begin() {
      await asSuperuser('alter system set default_transaction_read_only = on');
      await asSuperuser('select pg_reload_conf()');
      // What cannot be done is to store the cursor: there has to be something to store.
      await asSuperuser(`select smart_notify('many', '"meanwhile"')`);
    },
    async end() {
      await asSuperuser('alter system reset default_transaction_read_only');
      await asSuperuser('select pg_reload_conf()');
    },
  },
};

const CONSUMERS = 50;

const consumers = `
  import { defineConsumer } from 'pgwatch';
  const printing = (id) => defineConsumer({
    id,
    channels: ['many'],
    handle: ({ json }) => console.log('handled', id, json),
  });
  ${Array.from({ length: CONSUMERS }, (_, n) => `export const c${n} = printing('c${n}');`).join('\n')}
`;

function linesOf(program: RunningProgram, text: string): string[] {
  return program.stderr.split('\n').filter((line) => line.includes(text));
}

describe('fifty consumers', () => {
  it.each(Object.keys(OUTAGES))(
    '%s: one line at the begin, one at the end, nothing lost',
    async (name) => {
      const outage = OUTAGES[name];
      if (outage === undefined) throw new Error(name);
      const project = await createProject(
        { 'consumers/many.js': consumers },
        {
          DATABASE_URL: appUrl(outage.settings),
          PGWATCH_RECONNECT_DELAY: '0.3',
        },
      );
      const program = project.start(['listen', '--migrate']);
      await program.says('consumer live', CONSUMERS);
      await program.says('listening');
      await asSuperuser(`select smart_notify('many', '"before ${name}"')`);
      await program.says(`"before ${name}"`, CONSUMERS);

      await outage.begin();
      await program.says('database connection lost, trying again');
      await outage.end();
      await program.says('database connection back');
      if (outage.writesMeanwhile) await program.says('"meanwhile"', CONSUMERS);
      await asSuperuser(`select smart_notify('many', '"after ${name}"')`);
      await program.says(`"after ${name}"`, CONSUMERS);

      expect((await program.kill('SIGTERM')).code).toBe(0);
      const troubles = [...linesOf(program, ' WARN '), ...linesOf(program, ' ERROR ')];
      expect(troubles.filter((line) => !line.includes('lease lost'))).toHaveLength(1);
      expect(linesOf(program, 'database connection back')).toHaveLength(1);
    },
  );
});
