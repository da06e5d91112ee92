import { type Database, type DatabaseOptions, openDatabase } from '../../src/db/database.ts';

/** A database with pgwatch where it is by default; connections that break are the test's business. */
export function openAt(url: string, options: Partial<DatabaseOptions> = {}): Database {
  return openDatabase({
    url,
    schema: 'pgwatch',
    functionsSchema: 'public',
    poolSize: 5,
    onIdleError: () => {},
    ...options,
  });
}
