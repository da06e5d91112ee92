import { describe, expect, it } from 'vitest';
import {
  assertSameCluster,
  assertSchema,
  assertSchemaNotNewer,
  assertServerVersion,
} from '../../src/db/schema-check.ts';
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
       insert into pgwatch.consumer (name, channels, start_seen) values ('c', '{}', '1:1:')
       returning id
     )
     insert into pgwatch.consumer_cursor (consumer_id, seen, until, last_id)
     select id, $1::pg_snapshot, $2::pg_snapshot, case when $2 is not null then 0 end from added`,
    [seen, until],
  );
}

const FUTURE = '1000000000000:1000000000000:';

describe('the server', () => {
  it('is new enough', async () => {
    const { db } = await installed();
    await assertServerVersion(db);
  });
});

describe('the schema', () => {
  it('is there and known', async () => {
    const { db } = await installed();
    await assertSchema(db);
    await assertSchemaNotNewer(db);
  });

  it('is missing in an empty database', async () => {
    const db = openInstallation(await emptyDatabase());
    const missing = await failureOf(assertSchema(db));
    expect(missing.code).toBe('SCHEMA_MISSING');
    expect(missing.message).toContain('"pgwatch"');
    expect(missing.hint).toContain('pgwatch migrate');
    await assertSchemaNotNewer(db);
  });

  it('is missing when a schema of that name is somebody else’s', async () => {
    const test = await emptyDatabase();
    await test.query('create schema pgwatch; create table pgwatch.orders ()');
    const missing = await failureOf(assertSchema(openInstallation(test)));
    expect(missing.code).toBe('SCHEMA_MISSING');
  });

  it('is missing when pgwatch is installed under another name', async () => {
    const { test } = await installed();
    const missing = await failureOf(assertSchema(openInstallation(test, 'other')));
    expect(missing.code).toBe('SCHEMA_MISSING');
    expect(missing.message).toContain('"other"');
  });

  it('is outdated when it lacks a migration, and says which', async () => {
    const { test, db } = await installed();
    await test.query(
      `delete from pgwatch.migration where name = (select max(name) from pgwatch.migration)`,
    );
    const outdated = await failureOf(assertSchema(db));
    expect(outdated.code).toBe('SCHEMA_OUTDATED');
    expect(outdated.message).toMatch(/lacks \d{4}_\w+\.$/);
    expect(outdated.hint).toContain('pgwatch migrate');
    await assertSchemaNotNewer(db);
  });

  it('is newer when it has a migration that this program does not know', async () => {
    const { test, db } = await installed();
    await test.query(`insert into pgwatch.migration values ('9999_future', now()::text)`);
    for (const newer of [
      await failureOf(assertSchema(db)),
      await failureOf(assertSchemaNotNewer(db)),
    ]) {
      expect(newer.code).toBe('SCHEMA_NEWER');
      expect(newer.message).toContain('9999_future');
      expect(newer.hint).toContain('Upgrade');
    }
  });
});

describe('the cluster', () => {
  it('is the one pgwatch was installed in', async () => {
    const { test, db } = await installed();
    await assertSameCluster(db);
    const { rows } = await test.query<{ now: string }>(`select pg_current_snapshot()::text as now`);
    await addCursor(test, '1:1:', rows[0]?.now);
    await assertSameCluster(db);
  });

  it('is another one when the database is a copy', async () => {
    const { test, db } = await installed();
    await test.query('update pgwatch.installation set system_identifier = system_identifier + 1');
    const copy = await failureOf(assertSameCluster(db));
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
    expect((await failureOf(assertSameCluster(db))).code).toBe('CLUSTER_CHANGED');
  });
});
