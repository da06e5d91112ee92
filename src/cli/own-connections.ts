import { type Database, openDatabase } from '../db/database.ts';
import type { CommandContext } from './options.ts';

/** After so long it is said that others are at it, instead of nothing. */
const POOL_WAIT_SECONDS = 5;

/**
 * The same database over a few connections of its own, for what tells how things stand: deliveries may
 * have lent out all of theirs for as long as their handlers take. The caller closes it.
 */
export function openOwnConnections(
  { config, logger }: Pick<CommandContext, 'config' | 'logger'>,
  { url, servers, names: { schema, functionsSchema } }: Pick<Database, 'url' | 'servers' | 'names'>,
  poolSize: number,
): Database {
  return openDatabase({
    url,
    servers,
    schema,
    functionsSchema,
    poolSize,
    poolWaitSeconds: POOL_WAIT_SECONDS,
    queryTimeoutSeconds: config.queryTimeoutSeconds,
    preparedStatements: config.preparedStatements,
    onIdleError: (error) => logger.debug({ err: error }, 'idle connection lost'),
  });
}
