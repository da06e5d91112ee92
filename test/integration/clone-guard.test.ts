import { describe, expect, it } from 'vitest';
import { assertSameCluster } from '../../src/db/clone-guard.ts';
import { cleanupOldNotifications } from '../../src/log/prune.ts';
import type { TestDatabase } from '../support/database.ts';
import { emptyDatabase, failureOf, migrate, openInstallation } from '../support/migrations.ts';

async function installed() {
  const test = await emptyDatabase();
  const db = openInstallation(test);
  await migrate(db);
  return { test, db };
}

/** A consumer whose cursor stands here. */
async function addCursor(test: TestDatabase, seen: string, until: string | null = null) {
  await test.query(
    `with added as (
       insert into pgwatch.consumer (name, start_seen) values ('c', '1:1:')
       returning id
     )
     insert into pgwatch.consumer_cursor (consumer_id, channels, seen, until, last_id)
     select id, '{}', $1::pg_snapshot, $2::pg_snapshot, case when $2 is not null then 0 end from added`,
    [seen, until],
  );
}

const FUTURE = '1000000000000:1000000000000:';

describe('the cluster', () => {
  it('is the one pgwatch was installed in', async () => {
    const { test, db } = await installed();
    await assertSameCluster(db.pool, 'pgwatch');
    const { rows } = await test.query<{ now: string }>(`select pg_current_snapshot()::text as now`);
    await addCursor(test, '1:1:', rows[0]?.now);
    await assertSameCluster(db.pool, 'pgwatch');
  });

  it('is another one when the database is a copy', async () => {
    const { test, db } = await installed();
    await test.query('update pgwatch.installation set system_identifier = system_identifier + 1');
    const copy = await failureOf(assertSameCluster(db.pool, 'pgwatch'));
    expect(copy.code).toBe('CLUSTER_CHANGED');
    expect(copy.message).toContain('copy');
    expect(copy.hint).toBeDefined();
  });

  it.each([
    ['the cursor', FUTURE, null],
    ['the window of a cursor', '1:1:', FUTURE],
  ])('has gone back in time when %s is ahead of it', async (_where, seen, until) => {
    const { test, db } = await installed();
    await addCursor(test, seen, until);
    expect((await failureOf(assertSameCluster(db.pool, 'pgwatch'))).code).toBe('CLUSTER_CHANGED');
  });

  it('has gone back in time when the log is ahead of it', async () => {
    const { test, db } = await installed();
    await test.query(
      `insert into pgwatch.notification_log (xid, channel, payload) values ('1000000000000', 'c', '1')`,
    );
    expect((await failureOf(assertSameCluster(db.pool, 'pgwatch'))).code).toBe('CLUSTER_CHANGED');
  });

  it('must be the same for a clean-up: in a copy, cursors do not tell what is handled', async () => {
    const { test, db } = await installed();
    await test.query('update pgwatch.installation set database_oid = 1');
    const refused = await failureOf(cleanupOldNotifications(db.pool, { days: 0 }));
    expect(refused.code).toBe('CLUSTER_CHANGED');
    expect(refused.message).toContain('another database of this cluster');
  });
});
