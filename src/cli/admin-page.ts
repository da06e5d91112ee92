import { type BindAddress, parseBindAddress } from '../admin/web/bind-address.ts';
import type { AdminServer } from '../admin/web/server.ts';
import { type Database, openDatabase } from '../db/database.ts';
import type { CommandContext } from './options.ts';

/** Enough for some people; deliveries have a pool of their own. */
const POOL_SIZE = 4;

/** Serves the admin page over connections of its own to the same database. The caller closes it. */
export async function serveAdmin(
  { config, env, logger }: CommandContext,
  { url, names: { schema, functionsSchema } }: Pick<Database, 'url' | 'names'>,
  bind: BindAddress,
): Promise<AdminServer> {
  const { startAdminServer } = await import('../admin/web/server.ts');
  const db = openDatabase({
    url,
    schema,
    functionsSchema,
    poolSize: POOL_SIZE,
    queryTimeoutSeconds: config.queryTimeoutSeconds,
    preparedStatements: config.preparedStatements,
    onIdleError: (error) => logger.debug({ err: error }, 'idle connection lost'),
  });
  const close = () => db.close();
  try {
    const server = await startAdminServer({ db, config, logger, env, bind });
    return { url: server.url, close: () => server.close().finally(close) };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Runs the task with the admin page beside it. @param address as typed; undefined: without it */
export async function serveBesideAdmin(
  context: CommandContext,
  db: Database,
  address: string | undefined,
  task: () => Promise<void>,
): Promise<void> {
  if (address === undefined) return task();
  const { host, port } = context.config.admin;
  const bind = address === '' ? { host, port } : parseBindAddress(address, { host, port });
  const server = await serveAdmin(context, db, bind);
  try {
    await task();
  } finally {
    await server.close();
  }
}
