import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, onTestFinished, type TestContext } from 'vitest';
import { adopt } from '../../src/admin/adoption.ts';
import { originOf } from '../../src/db/clone-guard.ts';
import type { ThrowawayServer } from '../../src/db/embedded/throwaway-server.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { liveOriginal, run, send } from '../support/live-original.ts';
import { openInstallation } from '../support/migrations.ts';
import { startOwnServer } from '../support/own-server.ts';
import { skipBecause } from '../support/skip.ts';
import { folderWith } from '../support/temporary-folder.ts';
import { burnXids, currentXid } from '../support/transaction-ids.ts';

const program = promisify(execFile);
let other: ThrowawayServer;

beforeAll(async () => {
  other = await startOwnServer();
});
afterAll(() => other.stop());

/** The programs of PostgreSQL are not among those that come with npm. */
async function skipUnlessDumpable(test: TestContext, database: TestDatabase): Promise<void> {
  const version = await program('pg_dump', ['--version']).catch(() => undefined);
  if (version === undefined) skipBecause(test, 'this machine has no pg_dump');
  const { rows } = await database.query<{ server: number }>(
    `select current_setting('server_version_num')::int / 10000 as server`,
  );
  const server = rows[0]?.server ?? 0;
  const major = Number(/\d+/.exec(version.stdout)?.[0]);
  if (major < server) {
    skipBecause(test, `pg_dump ${major} cannot read a server of PostgreSQL ${server}`);
  }
}

it.for([
  ['a table after the other', []],
  ['in one transaction', ['--single-transaction']],
  ['by two sessions', ['--jobs', '2']],
] as const)(
  'a dump that is restored %s into a new cluster is adopted',
  async ([, options], test) => {
    const { original, pending } = await liveOriginal();
    await skipUnlessDumpable(test, original);
    const copy = await createTestDatabase({ serverUrl: other.url });
    onTestFinished(() => copy.drop());
    await burnXids(original, (await currentXid(copy)) + 500);
    const file = join(await folderWith({}), 'dump');
    await program('pg_dump', ['--format', 'custom', '--file', file, original.url]);
    await program('pg_restore', [...options, '--dbname', copy.url, file]);

    const db = openInstallation(copy);
    const restored = { ...copy, db };
    expect(await originOf(db.pool, 'pgwatch')).toBe('another cluster');
    const written = await send(restored, 'x');
    await adopt(db, 'keep');
    expect(await originOf(db.pool, 'pgwatch')).toBe('here');
    expect(await run(restored, 'level', ['x', 'y'])).toEqual([...pending.level, written]);
    expect(await run(restored, 'paging', ['z'])).toEqual(pending.paging);
  },
);
