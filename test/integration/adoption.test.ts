import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { adopt } from '../../src/admin/adoption.ts';
import { assertSameCluster, originOf } from '../../src/db/clone-guard.ts';
import type { ThrowawayServer } from '../../src/db/embedded/throwaway-server.ts';
import { copyInstallation } from '../support/copied-installation.ts';
import { createInstalledDatabase, type InstalledDatabase } from '../support/installed-database.ts';
import { installed, liveOriginal, run, send } from '../support/live-original.ts';
import { failureOf, openInstallation } from '../support/migrations.ts';
import { startOwnServer } from '../support/own-server.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';
import { startDaemon } from '../support/running-daemon.ts';
import { query } from '../support/server-probe.ts';
import { burnXids, currentXid } from '../support/transaction-ids.ts';

let other: ThrowawayServer;

beforeAll(async () => {
  other = await startOwnServer();
});
afterAll(() => other.stop());

/** A copy of it on the other server, whose transaction ids are behind the original's or ahead. */
async function copyWhoseXidsAre(place: 'behind' | 'ahead') {
  const there = { serverUrl: other.url };
  const [from, to] = place === 'behind' ? [{}, there] : [there, {}];
  const state = await liveOriginal(from);
  const copy = await installed(to);
  if (place === 'behind') await burnXids(state.original, (await currentXid(copy)) + 500);
  else await burnXids(copy, (await currentXid(state.original)) + 500);
  await copyInstallation(state.original, copy);
  return { ...state, copy };
}

describe.each(['behind', 'ahead'] as const)('a copy in a cluster that is %s', (place) => {
  it('is refused, and with --keep-pending handles exactly what was pending', async () => {
    const { copy, pending, buried, skippedOnY } = await copyWhoseXidsAre(place);
    const refused = await failureOf(assertSameCluster(copy.db.pool, 'pgwatch'));
    expect(refused.code).toBe('CLUSTER_CHANGED');
    expect(refused.hint).toContain('pgwatch adopt');

    // Written in the copy before it is adopted; one in a savepoint.
    const written = [await send(copy, 'x')];
    const client = await copy.pool.connect();
    await client.query('begin; savepoint s');
    const { rows } = await client.query(`select smart_notify('x') as id`);
    written.push(Number(rows[0]?.id));
    await client.query('commit');
    client.release();

    expect(await adopt(copy.db, 'keep')).toEqual([
      { consumer: 'failing', pending: 1 },
      { consumer: 'from_now', pending: pending.from_now.length + 2 },
      { consumer: 'level', pending: pending.level.length + 2 },
      { consumer: 'paging', pending: 3 },
    ]);
    await assertSameCluster(copy.db.pool, 'pgwatch');
    const after = await send(copy, 'x');
    expect(await run(copy, 'level', ['x', 'y'])).toEqual([...pending.level, ...written, after]);
    expect(await run(copy, 'paging', ['z'])).toEqual(pending.paging);
    expect(await run(copy, 'failing', ['y'])).toEqual(pending.failing);
    // A gained channel's history leaves out what was skipped at the start.
    const gained = await run(copy, 'from_now', ['x', 'y']);
    expect(gained).toEqual(
      expect.arrayContaining([...pending.from_now, ...written, after, buried]),
    );
    expect(gained).not.toEqual(expect.arrayContaining(skippedOnY));
    for (const [id, channels] of [
      ['level', 'x,y'],
      ['paging', 'z'],
      ['failing', 'y'],
    ] as const) {
      expect(await run(copy, id, channels.split(','))).toEqual([]);
    }
    const dead = await copy.query(`select notification_id from pgwatch.redelivery`);
    expect(dead.rows).toEqual([{ notification_id: String(buried) }]);
  });

  it('with --skip-pending handles nothing but what comes then', async () => {
    const { copy, buried, pending } = await copyWhoseXidsAre(place);
    await send(copy, 'x');
    const skipped = await adopt(copy.db, 'skip');
    expect(skipped).toContainEqual({ consumer: 'paging', pending: 3 });
    await assertSameCluster(copy.db.pool, 'pgwatch');
    const x = await send(copy, 'x');
    const z = await send(copy, 'z');
    expect(await run(copy, 'level', ['x', 'y'])).toEqual([x]);
    expect(await run(copy, 'paging', ['z'])).toEqual([z]);
    expect(await run(copy, 'failing', ['y'])).toEqual([]);
    // Not even when it gains a channel.
    expect(await run(copy, 'from_now', ['x', 'y', 'z'])).toEqual([x, z]);
    const { rows } = await copy.query('select notification_id, state from pgwatch.redelivery');
    expect(rows).toEqual([{ notification_id: String(buried), state: 'dead' }]);
    expect(pending.level.length).toBeGreaterThan(0);
  });
});

describe('a copy in the same cluster', () => {
  it('by template is another database, and adopted without a touch of the log', async () => {
    const { original, pending } = await liveOriginal();
    const staging = await installed({ template: await deserted(original) });
    expect(await originOf(staging.db.pool, 'pgwatch')).toBe('another database');
    const written = await send(staging, 'x');
    const log = 'select id, xid, ctid from pgwatch.notification_log order by id';
    const before = (await staging.query(log)).rows;
    await adopt(staging.db, 'keep');
    expect((await staging.query(log)).rows).toEqual(before);
    await assertSameCluster(staging.db.pool, 'pgwatch');
    expect(await run(staging, 'level', ['x', 'y'])).toEqual([...pending.level, written]);
    expect(await run(staging, 'paging', ['z'])).toEqual(pending.paging);
    // A template copy of an adopted copy is one again.
    const second = await installed({ template: await deserted(staging) });
    expect(await originOf(second.db.pool, 'pgwatch')).toBe('another database');
  });

  it('by a restored dump is another database', async () => {
    const { original, pending } = await liveOriginal();
    const copy = await installed();
    await copyInstallation(original, copy);
    expect(await originOf(copy.db.pool, 'pgwatch')).toBe('another database');
    await adopt(copy.db, 'keep');
    expect(await run(copy, 'level', ['x', 'y'])).toEqual(pending.level);
    expect(await run(copy, 'paging', ['z'])).toEqual(pending.paging);
  });

  it('is none when the database was only renamed', async () => {
    const database = await installed();
    const name = await deserted(database);
    await onServer(`alter database ${name} rename to ${name}_renamed`);
    onTestFinished(() => onServer(`drop database ${name}_renamed with (force)`));
    const renamed = { url: database.url.replace(name, `${name}_renamed`) };
    const db = openInstallation({ ...database, ...renamed });
    expect(await originOf(db.pool, 'pgwatch')).toBe('here');
  });
});

describe('an adoption', () => {
  it('of what is no copy changes nothing', async () => {
    const { original } = await liveOriginal();
    const cursors = 'select * from pgwatch.consumer_cursor order by consumer_id';
    const before = (await original.query(cursors)).rows;
    expect(await adopt(original.db, 'skip')).toBeUndefined();
    expect((await original.query(cursors)).rows).toEqual(before);
  });

  it('is refused while a daemon runs on the database, and fences who held a lease', async () => {
    const database = await installed();
    const { consumer, received } = recordingConsumer('running', ['x']);
    const daemon = startDaemon(database.db, [consumer]);
    await daemon.events.first(({ type }) => type === 'elected');
    await daemon.events.first(({ type }) => type === 'live');
    await database.query('update pgwatch.installation set system_identifier = 1');
    const refused = await failureOf(adopt(database.db, 'keep'));
    expect(refused.code).toBe('DAEMON_RUNNING');
    expect(refused.message).toMatch(/process \d+ .* role \w+/);
    expect(refused.hint).toContain('pgwatch listen');
    await send(database, 'x');
    await received.count(1);
    await daemon.stop();

    // As a dump of a running installation has it.
    await database.query(
      `update pgwatch.consumer_cursor
       set lease_owner = 'elsewhere/1/1/1/1', lease_until = now() + interval '1 hour'`,
    );
    const epoch = 'select epoch, lease_owner from pgwatch.consumer_cursor';
    const before = Number((await database.query(epoch)).rows[0]?.['epoch']);
    await adopt(database.db, 'keep');
    expect((await database.query(epoch)).rows).toEqual([
      { epoch: String(before + 1), lease_owner: null },
    ]);
    expect((await database.query('select from pgwatch.server_life')).rows).toEqual([]);
  });

  it('neither holds up writers of the log nor loses what they write meanwhile', async () => {
    const { copy, pending } = await copyWhoseXidsAre('behind');
    const writer = await copy.pool.connect();
    await writer.query('begin');
    const { rows } = await writer.query(`select smart_notify('x') as id`);
    await adopt(copy.db, 'keep');
    await writer.query('commit');
    writer.release();
    expect(await run(copy, 'level', ['x', 'y'])).toEqual([...pending.level, Number(rows[0]?.id)]);
  });

  it('of consumers with more snapshots than a new cluster has given out ids takes some', async () => {
    const server = await startOwnServer();
    onTestFinished(() => server.stop());
    const database = await createInstalledDatabase({}, { serverUrl: server.url });
    onTestFinished(() => database.drop());
    await database.query(`
      with added as (
        insert into pgwatch.consumer (name, start_seen)
        select 'c' || n, format('%1$s:%1$s:', 9000000 + 3 * n)::pg_snapshot
        from generate_series(1, 400) n
        returning id, start_seen
      )
      insert into pgwatch.consumer_cursor (consumer_id, channels, seen, until, last_id)
      select id, '{x}', format('%1$s:%1$s:', xmax + 1)::pg_snapshot, format('%1$s:%1$s:', xmax + 2)::pg_snapshot, 0
      from added, cast(pg_snapshot_xmax(start_seen)::text as bigint) as xmax`);
    expect(await originOf(database.db.pool, 'pgwatch')).toBe('the future');
    expect(await adopt(database.db, 'keep')).toHaveLength(400);
    await assertSameCluster(database.db.pool, 'pgwatch');
    const id = await send(database, 'x');
    expect(await run(database, 'c400', ['x'])).toEqual([id]);
  });
});

/** Ends every session of a database, and says its name. */
async function deserted(database: InstalledDatabase): Promise<string> {
  const name = new URL(database.url).pathname.slice(1);
  await onServer(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`,
  );
  return name;
}

/** Runs a statement on the server of the run, in the database that every server has. */
async function onServer(sql: string): Promise<void> {
  await query(inject('serverUrl'), sql);
}
