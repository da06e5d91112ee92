import { setTimeout as delay } from 'node:timers/promises';
import type { ResolvedConfig } from '../config/resolved-config.ts';
import { assertSameCluster } from '../db/clone-guard.ts';
import { explainConnectionError } from '../db/connection-error.ts';
import { type Database, openDatabase } from '../db/database.ts';
import { explainMissingRights } from '../db/missing-rights.ts';
import { assertSchema, assertServerVersion } from '../db/schema-check.ts';
import { isStandby } from '../db/servers.ts';
import { PgwatchError } from '../errors.ts';
import { backoffMs } from '../lifecycle/backoff.ts';
import type { Logger } from '../logger.ts';
import { redactUrl } from '../redact.ts';
import type { CommandContext } from './options.ts';

/**
 * What a command needs to find: any database, one with pgwatch's schema in it, one that may be a
 * standby, whose promotion is then waited for, or nothing, since it looks itself what there is.
 */
type Requirement = 'database' | 'schema' | 'promotion' | 'nothing';

/**
 * Opens the configured database (starting the embedded server if that is the one, or using the one
 * that another command of this project has started), lends it to the task and closes it.
 * @param task is also given what brings back an embedded server that another process took along
 * @throws DATABASE_MISSING, DATABASE_UNREACHABLE, RIGHTS_MISSING, and what the requirement's checks throw
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
    listenUrl: config.listenUrl,
    preparedStatements: config.preparedStatements,
    onIdleError: (error) => logger.debug({ err: error }, 'idle connection lost'),
  });
  try {
    if (requirement === 'nothing') return await task(db, () => server.revive());
    if (requirement === 'promotion') await untilPrimary(db, config.reconnectDelaySeconds, logger);
    else await findPrimary(db);
    if (requirement === 'schema') await assertInstalled(db);
    return await task(db, () => server.revive());
  } catch (error) {
    throw explainMissingRights(explainConnectionError(error, redactUrl(server.url)));
  } finally {
    await db.close();
    await server.stop();
  }
}

/**
 * Each connection makes sure that it goes to a primary.
 * @throws DATABASE_STANDBY, DATABASE_VERSION_UNSUPPORTED
 */
function findPrimary(db: Database): Promise<void> {
  return db.servers.inTurn(() => assertServerVersion(db));
}

/** Waits, for ever, while all that stands in the way is that the standby is not promoted yet. */
async function untilPrimary(db: Database, longestPauseSeconds: number, logger: Logger) {
  for (let failures = 0; ; ) {
    try {
      await findPrimary(db);
      if (failures > 0) logger.info('the server is the primary now');
      return;
    } catch (error) {
      if (!isStandby(error)) throw error;
      failures += 1;
      if (failures === 1) {
        logger.warn({ err: error }, 'the server is a standby, waiting for promotion');
      }
      await delay(backoffMs(failures, longestPauseSeconds * 1000, Math.random()));
    }
  }
}

/** @throws SCHEMA_MISSING, SCHEMA_OUTDATED, SCHEMA_NEWER, CLUSTER_CHANGED */
export async function assertInstalled(db: Database): Promise<void> {
  await assertSchema(db);
  await assertSameCluster(db.pool, db.names.schema);
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
