import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { install } from '../../src/db/installation.ts';
import { smartNotify } from '../../src/log/append.ts';
import { openAt } from '../support/open-database.ts';
import { createProject, printingConsumer } from '../support/project.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';
import {
  startTestServer,
  type TestServer,
  type TestServers,
} from '../support/replicated-server.ts';
import { startDaemon } from '../support/running-daemon.ts';

let servers: TestServers;
let primary: TestServer;
let standby: TestServer;

function open(url: string) {
  return openAt(url);
}

/** Both servers, the standby first. */
function bothUrl(): string {
  return primary.url.replace('127.0.0.1:', `127.0.0.1:${standby.port},127.0.0.1:`);
}

beforeAll(async () => {
  servers = await startTestServer();
  primary = servers.primary;
  const db = open(primary.url);
  await install({ db, projectScripts: [], target: { kind: 'latest' }, onChange: () => {} });
  await db.close();
  standby = await primary.startStandby();
});

afterAll(async () => {
  await standby.stop('immediate');
  await servers.remove();
});

describe('a standby', () => {
  it('is passed over for the primary', async () => {
    const db = open(bothUrl());
    await db.servers.inTurn(async () => {
      await db.pool.query('select');
    });
    const { rows } = await db.pool.query('select pg_is_in_recovery() as standby');
    expect(rows).toEqual([{ standby: false }]);
    await db.close();
  });

  it('alone is an error that says what to do', async () => {
    const project = await createProject({}, { DATABASE_URL: standby.url });
    const { code, stderr } = await project.run(['notify', 'a']);
    expect(code).toBe(1);
    expect(stderr).toContain('error[DATABASE_STANDBY]');
    expect(stderr).not.toContain('replicated');
  });
});

// The last test: afterwards the standby is the primary.
describe('a failover', () => {
  it('is followed by a running daemon, and awaited by one that starts, also when it loses commits', async () => {
    const db = open(bothUrl());
    const { consumer, received } = recordingConsumer('failover', ['failover']);
    const daemon = startDaemon(db, [consumer]);
    await daemon.events.first(({ type }) => type === 'live');
    await daemon.events.first(({ type }) => type === 'listening');
    await smartNotify(db.pool, 'failover', 'before');
    await received.count(1);

    const files = { 'consumers/a.ts': printingConsumer('awaiting', 'failover') };
    const project = await createProject(files, { DATABASE_URL: standby.url });
    const waiting = project.start(['listen']);
    await waiting.says('waiting for promotion');

    await primary.untilReplicated();
    await standby.stopFollowing(primary);
    // The new primary will give their ids, and those of their transactions, to others.
    for (let n = 1; n <= 20; n += 1) await smartNotify(db.pool, 'failover', 'lost', { key: 'k' });
    await received.until((all) => all.filter(({ data }) => data === 'lost').length === 20);
    await primary.stop('immediate');
    await daemon.events.first(({ type }) => type === 'listen-lost');
    await standby.promote();
    await waiting.says('the server is the primary now');
    await waiting.says('handled awaiting "before"');

    const promoted = open(standby.url);
    const sent = Array.from({ length: 40 }, (_, n) => n);
    for (const n of sent) await smartNotify(promoted.pool, 'failover', n, { key: 'k' });
    await smartNotify(promoted.pool, 'failover', 'after', { key: 'k' });
    await received.until((all) => all.some(({ data }) => data === 'after'));
    const numbers = received.all.map(({ data }) => data).filter((data) => typeof data === 'number');
    expect(numbers).toEqual(sent);
    await waiting.says('handled awaiting "after"');
    expect((await waiting.kill('SIGTERM')).code).toBe(0);
    expect(waiting.stderr.match(/waiting for promotion/g)).toHaveLength(1);
    await daemon.stop();
    await Promise.all([db.close(), promoted.close()]);
  });
});
