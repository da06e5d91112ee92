import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { emptyDatabase, migrate, openInstallation } from '../support/migrations.ts';
import { describeSchemas } from '../support/schema-description.ts';

it('the migrations make the schema that test/schema-dump.sql shows', async () => {
  const test = await emptyDatabase();
  const db = openInstallation(test, 'pgwatch', 'pgwatch_api');
  await test.query('create schema pgwatch_api');
  await migrate(db);
  const shown = await readFile(new URL('../schema-dump.sql', import.meta.url), 'utf8');
  expect(
    await describeSchemas(db.pool, ['pgwatch', 'pgwatch_api']),
    'The schema has changed. Run `npm run schema:dump` and review the difference it makes.',
  ).toBe(shown);
});
