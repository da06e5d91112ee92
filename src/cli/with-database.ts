import type { ResolvedConfig } from '../config/resolved-config.ts';
import { explainConnectionError } from '../db/connection-error.ts';
import { type Database, openDatabase } from '../db/database.ts';
import { assertSameCluster, assertSchema, assertServerVersion } from '../db/schema-check.ts';
import { PgwatchError } from '../errors.ts';
import { redactUrl } from '../redact.ts';
import type { CommandContext } from './options.ts';

/** What a command needs to find: any database, or one with pgwatch's schema in it. */
type Requirement = 'database' | 'schema';

/**
 * Opens the configured database (starting the embedded server if that is the one, or using the one
 * that another command of this project has started), lends it to the task and closes it.
 * @param task is also given what brings back an embedded server that another process took along
 * @throws DATABASE_MISSING, DATABASE_UNREACHABLE, and what the requirement's checks throw
 */
export async function withDatabase<T>(
  context: CommandContext,
  requirement: Requirement,
  task: (db: Database, reviveServer: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const { config, logger } = context;
  const server = await openServer(config);
  const db = openDatabase({
    url: server.url,
    schema: config.schema,
    functionsSchema: config.functionsSchema,
    poolSize: config.poolSize,
    queryTimeoutSeconds: config.queryTimeoutSeconds,
    onIdleError: (error) => logger.debug({ err: error }, 'idle connection lost'),
  });
  try {
    await assertServerVersion(db);
    if (requirement === 'schema') await assertInstalled(db);
    return await task(db, () => server.revive());
  } catch (error) {
    throw explainConnectionError(error, redactUrl(server.url));
  } finally {
    await db.close();
    await server.stop();
  }
}

/** @throws SCHEMA_MISSING, SCHEMA_OUTDATED, SCHEMA_NEWER, CLUSTER_CHANGED */
export async function assertInstalled(db: Database): Promise<void> {
  await assertSchema(db);
  await assertSameCluster(db);
}

interface Server {
  readonly url: string;
  /**
   * Starts the embedded server again if the process that owned it has ended. It comes back under
   * the same URL, unless another program has taken its port.
   */
  revive(): Promise<void>;
  stop(): Promise<void>;
}

async function openServer({ database, root }: ResolvedConfig): Promise<Server> {
  switch (database.kind) {
    case 'url':
      return { url: database.url, revive: async () => {}, stop: async () => {} };
    case 'embedded': {
      const { openProjectServer } = await import('../db/embedded/project-server.ts');
      let server = await openProjectServer({ root });
      return {
        url: server.url,
        revive: async () => {
          server = await openProjectServer({ root });
        },
        stop: () => server.stop(),
      };
    }
    case 'none':
      throw new PgwatchError('DATABASE_MISSING', {
        what: 'No database is configured.',
        hint: "Pass --database-url, set DATABASE_URL, or write `database: 'postgres://…'` (or `database: 'embedded'`, to try it) into pgwatch.config.ts.",
      });
  }
}
