import { writeFile } from 'node:fs/promises';
import { openDatabase } from '../src/db/database.ts';
import { startThrowawayServer } from '../src/db/embedded/throwaway-server.ts';
import { install } from '../src/db/installation.ts';
import { describeSchemas } from '../test/support/schema-description.ts';

// npm run schema:dump: writes test/schema-dump.sql anew, from a fresh installation.

const server = await startThrowawayServer();
try {
  const db = openDatabase({
    url: server.url,
    schema: 'pgwatch',
    functionsSchema: 'pgwatch_api',
    poolSize: 1,
  });
  await db.pool.query('create schema pgwatch_api');
  await install({ db, projectScripts: [], target: { kind: 'latest' }, onChange: () => {} });
  const text = await describeSchemas(db.pool, ['pgwatch', 'pgwatch_api']);
  await writeFile(new URL('../test/schema-dump.sql', import.meta.url), text);
  await db.close();
} finally {
  await server.stop();
}
