import pg from 'pg';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { scheduleReplay } from '../../src/steer/replay.ts';
import { CheckupFixture } from '../support/checkup-fixture.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';
import { startDaemon } from '../support/running-daemon.ts';

const fixture = new CheckupFixture({ track_commit_timestamp: 'on' });
const run = (text: string, values: unknown[] = []) => fixture.run(text, values);
const PROBLEM = { severity: 'problem' };

/** What `mails` has of the channel `orders`; all of it is handled. */
beforeEach(async () => {
  await run('delete from pgwatch.consumer');
  await run('delete from pgwatch.notification_log');
  await notify(1, 2, 3);
  await handleAll();
});

async function notify(...payloads: number[]): Promise<number[]> {
  const ids: number[] = [];
  for (const payload of payloads) {
    const [row] = await run(`select smart_notify('orders', $1::text::jsonb, 'k')::text as id`, [
      payload,
    ]);
    ids.push(Number(row?.['id']));
  }
  return ids;
}

async function handleAll(): Promise<number[]> {
  const { consumer, ids } = recordingConsumer('mails', ['orders']);
  await startDaemon(fixture.db, [consumer], { once: true }).ended;
  return ids();
}

const setCursor = (assignments: string, values: unknown[] = []) =>
  run(`update pgwatch.consumer_cursor set ${assignments}`, values);

async function isFoundAndMended(check: string, expected: object) {
  const finding = await fixture.finding(check);
  expect(finding).toMatchObject(expected);
  await fixture.mend(finding);
  expect(await fixture.findings(check)).toEqual([]);
}

it('sound cursors are proven, with what became of everything', async () => {
  await notify(4);
  const all = await fixture.all();
  const proof = all.find(({ check }) => check === 'proof');
  expect(proof).toMatchObject({
    severity: 'ok',
    what: expect.stringContaining('mails: 1 pending, 3 handled'),
    why: expect.stringContaining('no cursor, as it stands, passes over a committed row'),
  });
  for (const check of ['cursors', 'redeliveries']) {
    expect(all.filter((one) => one.check === check)).toMatchObject([{ severity: 'ok' }]);
  }
});

describe('a cursor', () => {
  it('that counts as settled what a running transaction will commit', async () => {
    const client = new pg.Client(fixture.db.url);
    await client.connect();
    await client.query(`begin; select smart_notify('orders', '"late"', 'k')`);
    await run('select pg_current_xact_id()'); // so that the one that runs is not the newest
    await setCursor(
      `seen = format('%s:%s:', m, m)::pg_snapshot
       from (select pg_snapshot_xmax(pg_current_snapshot()) as m) now`,
    );
    await isFoundAndMended('cursors', {
      ...PROBLEM,
      what: expect.stringContaining('transactions that are not over'),
    });
    await client.query('commit');
    await client.end();
    expect(await handleAll()).toHaveLength(1);
  });

  it('that counts as settled what is still to come', async () => {
    await setCursor(`seen = '100000000:100000000:'`);
    // A database that is so far ahead of itself is taken for a copy.
    expect(await fixture.finding('copy')).toMatchObject(PROBLEM);
  });

  it('whose playback has come further than ids go', async () => {
    await setCursor(`until = pg_current_snapshot(), last_id = 1000000`);
    await isFoundAndMended('cursors', { what: expect.stringContaining('has come to id 1000000') });
  });

  it('whose playback ends before it begins', async () => {
    await setCursor(`until = '3:3:', last_id = 1`);
    await isFoundAndMended('cursors', { what: expect.stringContaining('sees less than') });
  });

  it('that was set back to before its beginning', async () => {
    await run('update pgwatch.consumer set start_seen = pg_current_snapshot()');
    await setCursor(`seen = '3:3:'`);
    await isFoundAndMended('cursors', { what: expect.stringContaining('sees less') });
  });

  it('that is missing, for a partition', async () => {
    await run(`select smart_notify('orders', '1', 'key ' || n) from generate_series(1, 20) n`);
    await run('update pgwatch.consumer set partitions = 2');
    expect(await fixture.finding('proof')).toMatchObject({
      ...PROBLEM,
      what: expect.stringContaining('belong to none of its cursors'),
    });
    await isFoundAndMended('cursors', { what: expect.stringContaining('no cursor for 1') });
    expect(await fixture.findings('proof')).toEqual([]);
  });
});

describe('the proof finds what was passed over', () => {
  it('because it was written after the cursor was stored', async () => {
    const [id = 0] = await notify(4);
    await setCursor('seen = pg_current_snapshot()');
    const finding = await fixture.finding('proof');
    expect(finding).toMatchObject({
      ...PROBLEM,
      what: expect.stringContaining('mails has passed over 1 notification'),
      mend: [`pgwatch replay --consumer mails --id ${id}`],
    });
    // What the command does.
    await scheduleReplay(fixture.db, { consumer: 'mails', filter: { ids: [id] } });
    expect(await fixture.findings('proof')).toEqual([]);
    expect(await handleAll()).toEqual([id]);
  });

  it('because it was committed after the cursor was stored', async () => {
    const client = new pg.Client(fixture.db.url);
    await client.connect();
    await client.query(`begin; select smart_notify('orders', '"late"', 'k')`);
    await notify(5);
    await handleAll(); // the cursor knows that one runs
    await client.query('commit');
    await client.end();
    expect(await fixture.findings('proof')).toEqual([]);
    await setCursor(`seen = format('%s:%s:', m, m)::pg_snapshot from (
      select pg_snapshot_xmax(seen) as m from pgwatch.consumer_cursor) now`);
    expect(await fixture.finding('proof')).toMatchObject({
      what: expect.stringContaining('stored before they were committed'),
    });
  });
});

describe('redeliveries', () => {
  const park = (ids: number[], columns = `'infinity'`) =>
    run(
      `insert into pgwatch.redelivery (consumer_id, notification_id, channel, key, reason, due_at)
       select c.id, log.id, log.channel, log.key, 'failure', ${columns}
       from pgwatch.consumer c, pgwatch.notification_log log where log.id = any ($1)`,
      [ids],
    );

  it('that all wait for each other', async () => {
    const ids = await notify(6, 7);
    await handleAll();
    await park(ids);
    await isFoundAndMended('redeliveries', {
      ...PROBLEM,
      what: expect.stringContaining(`beginning with ${ids[0]}`),
    });
    expect(await handleAll()).toEqual(ids);
  });

  it('whose notification is gone', async () => {
    const ids = await notify(8);
    await handleAll();
    await park(ids, 'now()');
    await run('delete from pgwatch.notification_log where id = any ($1)', [ids]);
    await isFoundAndMended('redeliveries', { severity: 'warning' });
  });

  it('that stand where nobody looks for them', async () => {
    const ids = await notify(9);
    await handleAll();
    await park(ids, 'now()');
    await run(`update pgwatch.redelivery set key = 'other'`);
    await isFoundAndMended('redeliveries', {
      ...PROBLEM,
      what: expect.stringContaining('where their key belongs'),
    });
    expect(await handleAll()).toEqual(ids);
  });

  it('of a partition without a cursor are left alone, and handled when it has one', async () => {
    const ids = await notify(13);
    await handleAll();
    await park(ids, 'now()');
    await run('delete from pgwatch.consumer_cursor');
    expect(await fixture.findings('redeliveries')).toEqual([]);
    await fixture.mend(await fixture.finding('cursors'));
    // The new cursor has no channels before it is claimed.
    expect(await fixture.findings('redeliveries')).toEqual([]);
    expect(await handleAll()).toEqual(expect.arrayContaining(ids));
  });

  it('on a channel that the consumer does not have', async () => {
    const ids = await notify(10);
    await handleAll();
    await park(ids, 'now()');
    await setCursor(`channels = '{other}'`);
    await isFoundAndMended('redeliveries', {
      ...PROBLEM,
      what: expect.stringContaining('on a channel that it does not have'),
    });
  });
});

describe('consumers', () => {
  it('whose process has died', async () => {
    await notify(11);
    await setCursor(`lease_owner = 'gone', lease_until = now() - interval '1 s'`);
    expect(await fixture.finding('consumers')).toMatchObject({
      ...PROBLEM,
      mend: ['pgwatch listen --consumers mails'],
    });
  });

  it('that nobody runs, that rest for long, or that the project does not have', async () => {
    expect(await fixture.finding('consumers')).toMatchObject({ severity: 'note' });
    await run(`update pgwatch.consumer set paused_at = now() - interval '3 days'`);
    expect(await fixture.finding('consumers')).toMatchObject({
      severity: 'warning',
      what: expect.stringContaining('paused for 3 d'),
      mend: ['pgwatch resume mails'],
    });
    const found = await fixture.findings('consumers', { consumers: ['others'] });
    expect(found.map(({ what }) => what)).toContainEqual(
      expect.stringContaining("none of this project's consumers"),
    );
  });

  it('are named so that a shell takes the command as it is meant', async () => {
    await run(`update pgwatch.consumer set name = 'it''s a mail'`);
    expect(await fixture.finding('consumers')).toMatchObject({
      mend: [`pgwatch listen --consumers 'it'\\''s a mail'`],
    });
  });

  it('are asked by the clock of the server, whatever that of this machine says', async () => {
    await run('update pgwatch.consumer set paused_at = now()');
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3 * 86_400_000 });
    try {
      expect(await fixture.finding('consumers')).toMatchObject({ severity: 'note' });
    } finally {
      vi.useRealTimers();
    }
  });

  it('with dead letters', async () => {
    const [id] = await notify(12);
    await handleAll();
    await run(
      `insert into pgwatch.redelivery (consumer_id, notification_id, channel, reason, state, last_error)
       select id, $1, 'orders', 'failure', 'dead', 'Error: no' from pgwatch.consumer`,
      [id],
    );
    expect(await fixture.finding('dead letters')).toMatchObject({
      severity: 'warning',
      what: 'mails has 1 dead letter; its last error: Error: no.',
    });
  });
});

it('a log that nobody cleans is told, and times that run backwards', async () => {
  await run(`update pgwatch.notification_log set created_at = created_at - interval '20 days'
             where id = (select min(id) from pgwatch.notification_log)`);
  expect(await fixture.finding('log')).toMatchObject({
    severity: 'warning',
    what: expect.stringContaining('20 d old'),
    mend: ['pgwatch cleanup --days=7'],
  });
  expect(await fixture.findings('clock')).toEqual([]);
  await run(`update pgwatch.notification_log set created_at = created_at - interval '20 days'
             where id = (select max(id) from pgwatch.notification_log)`);
  expect(await fixture.finding('clock')).toMatchObject({ severity: 'note' });
  await run(`update pgwatch.notification_log set created_at = now() + interval '1 hour'`);
  expect(await fixture.finding('clock')).toMatchObject({
    severity: 'warning',
    what: expect.stringContaining('of the future'),
  });
});
