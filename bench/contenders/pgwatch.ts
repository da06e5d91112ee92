import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTriggerForTable } from '../../src/capture/triggers.ts';
import { openDatabase } from '../../src/db/database.ts';
import { install } from '../../src/db/installation.ts';
import type { Site } from '../harness/site.ts';
import { startWorker, type Worker } from '../harness/worker.ts';
import { type Contender, fileOf, type StartOptions, sinkEnvironment } from './contender.ts';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

export interface PgwatchOptions extends StartOptions {
  /** How many consumers of the same channel. Default: 1. */
  readonly consumers?: number;
  /** The handler reads the payload. */
  readonly reads?: boolean;
  /** Ends when everything is handled. */
  readonly once?: boolean;
  /** Settings of the configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
}

export const pgwatch: Contender & {
  start(site: Site, options?: PgwatchOptions): Promise<Worker>;
} = {
  name: 'pgwatch',

  async install(site) {
    const db = openDatabase({
      url: site.url,
      schema: 'pgwatch',
      functionsSchema: 'public',
      poolSize: 2,
      onIdleError: () => {},
    });
    try {
      await install({ db, projectScripts: [], target: { kind: 'latest' }, onChange: () => {} });
      await createTriggerForTable(site.client, 'changes');
    } finally {
      await db.close();
    }
  },

  /** Here a copy is no staging database that must not run as production. */
  async settle({ client }) {
    await client.query(
      `update pgwatch.installation set database_oid =
         (select oid from pg_database where datname = current_database())`,
    );
  },

  async start(site: Site, options: PgwatchOptions = {}) {
    const folder = await createProject(options);
    site.onEnd(() => rm(folder, { recursive: true, force: true }));
    return startWorker(site, {
      file: join(REPOSITORY, 'bin/pgwatch.mjs'),
      parameters: ['listen', ...(options.once === true ? ['--once'] : [])],
      cwd: folder,
      env: sinkEnvironment(options),
      readyText: '"listening"',
      once: options.once === true,
    });
  },
};

/** A user's project: consumers in TypeScript, and pgwatch as it is installed. */
async function createProject(options: PgwatchOptions): Promise<string> {
  const { consumers = 1, times = false, reads = false, config = {} } = options;
  const folder = await mkdtemp(join(tmpdir(), 'pgwatch-bench-'));
  await mkdir(join(folder, 'node_modules'));
  await symlink(REPOSITORY, join(folder, 'node_modules/pgwatch'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  await writeFile(
    join(folder, 'pgwatch.config.json'),
    JSON.stringify({ consumers: 'consumers.ts', logFormat: 'json', ...config }),
  );
  const handle = handler({ times, reads });
  await writeFile(
    join(folder, 'consumers.ts'),
    `
    import { defineConsumer } from 'pgwatch';
    import { handled, handledAt } from '${fileOf('sink.ts')}';
    ${Array.from(
      { length: consumers },
      (_, index) => `
    export const consumer${index} = defineConsumer({
      id: 'consumer_${index}', channels: ['data_change'], handle: ${handle} });`,
    ).join('')}
    `,
  );
  return folder;
}

function handler({ times, reads }: { times: boolean; reads: boolean }): string {
  if (times) return '(notification) => handledAt(notification.getNewData().n)';
  if (reads) return '(notification) => { if (notification.data !== undefined) handled(); }';
  return '() => handled()';
}
