import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/db/database.ts';
import { install } from '../../src/db/installation.ts';
import { checkUp } from '../../src/observe/checkup/checkup.ts';
import type { CheckupSettings } from '../../src/observe/checkup/finding.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { DeliveryFixture, happened } from '../support/delivery-fixture.ts';
import { openAt } from '../support/open-database.ts';
import { findPgBouncer, type PgBouncer, startPgBouncer } from '../support/pgbouncer.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';
import { startDaemon } from '../support/running-daemon.ts';
import { skipBecause } from '../support/skip.ts';

const fixture = new DeliveryFixture();
const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function open(url: string, listenUrl?: string, preparedStatements = false): Database {
  const db = openAt(url, { listenUrl, preparedStatements });
  cleanups.push(() => db.close());
  return db;
}

function start(db: Database, options: Parameters<typeof startDaemon>[2] = {}) {
  const recording = recordingConsumer(fixture.name(), [fixture.name()]);
  const daemon = startDaemon(db, [recording.consumer], options);
  cleanups.push(() => daemon.stop().catch(() => {}));
  return { ...recording, daemon };
}

const POLLING = { config: { wake: 'poll', pollSeconds: 0.1 } } as const;

describe('without prepared statements', () => {
  it('nothing has a name on the server', async () => {
    const db = open(fixture.database.url);
    const { rows } = await db.pool.query({
      name: 'pgwatch_test',
      text: 'select count(*)::int as prepared from pg_prepared_statements',
    });
    expect(rows).toEqual([{ prepared: 0 }]);
  });
});

describe('a LISTEN session that hears nothing', () => {
  it('ends the daemon at its start, with an error that says what to change', async () => {
    const other: TestDatabase = await createTestDatabase();
    cleanups.push(() => other.drop());
    const { daemon } = start(open(fixture.database.url, other.url));
    await expect(daemon.ended).rejects.toMatchObject({
      code: 'LISTEN_UNHEARD',
      hint: expect.stringContaining('listenUrl'),
    });
  });
});

describe('polling', () => {
  it('finds what was written, and holds no lock', async () => {
    const { daemon, received } = start(open(fixture.database.url), POLLING);
    await happened(daemon, 'live', fixture.name());
    const id = await fixture.notify('polled');
    await received.first(({ notificationLogId }) => notificationLogId === id);
    const { rows } = await fixture.database.query(
      `select from pg_locks where locktype = 'advisory'
       and database = (select oid from pg_database where datname = current_database())`,
    );
    expect(rows).toEqual([]);
  });

  it('is lost and comes back with the server', async () => {
    const { daemon, received } = start(open(fixture.database.url), POLLING);
    await happened(daemon, 'live', fixture.name());
    for (let lost = false; !lost; ) {
      await fixture.database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and application_name = 'pgwatch'`,
      );
      lost = daemon.events.all.some(({ type }) => type === 'poll-lost');
    }
    const id = await fixture.notify('after');
    await received.first(({ notificationLogId }) => notificationLogId === id);
    const polls = (all: readonly { type: string }[]) =>
      all.filter(({ type }) => type === 'polling');
    await daemon.events.until((all) => polls(all).length > 1);
  });
});

describe('through PgBouncer in transaction mode', () => {
  const program = findPgBouncer();
  let pooler: PgBouncer | undefined;

  beforeAll(async () => {
    if (program !== undefined) pooler = await startPgBouncer(program, fixture.database.url);
  });
  beforeEach((test) => {
    if (pooler === undefined) skipBecause(test, 'this machine has no pgbouncer');
  });
  afterAll(() => pooler?.stop());

  const url = () => pooler?.url ?? '';

  it('everything but LISTEN works, and wakes arrive by listenUrl', async () => {
    const { daemon, received } = start(open(url(), fixture.database.url));
    await happened(daemon, 'live', fixture.name());
    await happened(daemon, 'listening');
    for (let n = 1; n <= 20; n += 1) {
      await fixture.notify(n);
      await received.count(n);
    }
    await daemon.stop();
    await happened(daemon, 'released');
  });

  it('a LISTEN session without listenUrl is refused at the start', async () => {
    const { daemon } = start(open(url()));
    await expect(daemon.ended).rejects.toMatchObject({
      code: 'LISTEN_UNHEARD',
      hint: expect.stringContaining('listenUrl'),
    });
  });

  it('polling needs nothing else', async () => {
    const { daemon, received } = start(open(url()), POLLING);
    await happened(daemon, 'live', fixture.name());
    await fixture.notify('polled');
    await received.count(1);
  });

  it('doctor sees the pooler, and that LISTEN does not pass it', async () => {
    const settings = {
      wake: 'listen',
      preparedStatements: true,
      cleanupDays: 7,
      longTransactionSeconds: 600,
      consumers: undefined,
    } as const;
    const look = async (db: Database, changes: Partial<CheckupSettings> = {}) => {
      const all = await checkUp({ db, settings: { ...settings, ...changes } }, { quick: true });
      return all.filter(({ check }) => check === 'pooler' || check === 'listen');
    };
    expect(await look(open(fixture.database.url))).toMatchObject([
      { severity: 'ok', what: expect.stringContaining('no pooler') },
      { severity: 'ok' },
    ]);
    const throughPooler = await look(open(url(), undefined, true));
    expect(throughPooler).toMatchObject([
      // Debian's is older than 1.21; newer ones keep them.
      { severity: expect.stringMatching(/problem|ok/), what: expect.stringContaining('prepared') },
      { severity: 'problem', mend: [expect.stringContaining('listenUrl')] },
    ]);
    // The sessions of the server are the same ones, with all that was prepared in them.
    expect(await look(open(url(), undefined, true))).toEqual(throughPooler);
    // Each of the ways to mend it.
    expect(
      await look(open(url(), fixture.database.url), { preparedStatements: false }),
    ).toMatchObject([
      { severity: 'ok', what: expect.stringContaining('A pooler is in between') },
      { severity: 'ok' },
    ]);
    expect(await look(open(url()), { wake: 'poll' })).toMatchObject([{}, { severity: 'ok' }]);
  });

  it('migrations go to listenUrl', async () => {
    const db = open(url(), fixture.database.url);
    const changes: unknown[] = [];
    await install({
      db,
      projectScripts: [],
      target: { kind: 'latest' },
      onChange: (_, change) => changes.push(change),
    });
    expect(changes).toEqual([]);
  });

  it('reads times that the database writes otherwise, in whichever session, and changes no other’s', async () => {
    const german = await createTestDatabase();
    cleanups.push(() => german.drop());
    await german.query(`do $$ begin
      execute format('alter database %I set datestyle = ''German, DMY''', current_database());
    end $$`);
    const between = await startPgBouncer(program ?? '', german.url);
    cleanups.push(() => between.stop());
    const db = open(between.url);
    const other = new pg.Client(between.url);
    await other.connect();
    cleanups.push(() => other.end());
    const time = "timestamptz '2026-11-24 10:00:00Z'";
    for (let round = 0; round < 3; round += 1) {
      const read = Array.from({ length: 4 }, () =>
        db.pool.query(`select ${time} as time, pg_sleep(0.05)::text`),
      );
      for (const { rows } of await Promise.all(read)) {
        expect(rows).toMatchObject([{ time: new Date('2026-11-24T10:00:00Z') }]);
      }
      const { rows } = await other.query(`select ${time}::text as time`);
      expect(rows).toEqual([{ time: expect.stringContaining('24.11.2026') }]);
    }
  });
});
