import { type Database, openDatabase } from '../../src/db/database.ts';
import { install } from '../../src/db/installation.ts';
import { createTestDatabase, type TestDatabase, type TestDatabasePlace } from './database.ts';

/** A test's own database with pgwatch installed in it. */
export interface InstalledDatabase extends TestDatabase {
  readonly db: Database;
}

export async function createInstalledDatabase(
  names: { schema?: string; functionsSchema?: string } = {},
  place: TestDatabasePlace = {},
): Promise<InstalledDatabase> {
  const test = await createTestDatabase(place);
  const db = openDatabase({
    url: test.url,
    schema: names.schema ?? 'pgwatch',
    functionsSchema: names.functionsSchema ?? 'public',
    poolSize: 10,
    onIdleError: () => {},
  });
  await install({ db, projectScripts: [], target: { kind: 'latest' }, onChange: () => {} });
  return {
    ...test,
    db,
    async drop() {
      await test.drop();
      await db.close();
    },
  };
}
