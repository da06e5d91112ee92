import { describe, expect, it } from 'vitest';
import {
  assertSchema,
  assertSchemaNotNewer,
  assertServerVersion,
} from '../../src/db/schema-check.ts';
import { emptyDatabase, failureOf, migrate, openInstallation } from '../support/migrations.ts';

async function installed() {
  const test = await emptyDatabase();
  const db = openInstallation(test);
  await migrate(db);
  return { test, db };
}

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
