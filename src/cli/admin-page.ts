import { type BindAddress, parseBindAddress } from '../admin/web/bind-address.ts';
import type { AdminOptions } from '../admin/web/options.ts';
import type { AdminServer } from '../admin/web/server.ts';
import { type Database, openDatabase } from '../db/database.ts';
import type { CommandContext } from './options.ts';

/** What the process that serves the page can tell of itself. */
type Answers = Pick<AdminOptions, 'metrics' | 'readiness'>;

/** Enough for some people; deliveries have a pool of their own. */
const POOL_SIZE = 4;

/** Serves the admin page over connections of its own to the same database. The caller closes it. */
export async function serveAdmin(
  { config, env, logger }: CommandContext,
  { url, names: { schema, functionsSchema } }: Pick<Database, 'url' | 'names'>,
  bind: BindAddress,
  answers: Answers = {},
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
    const server = await startAdminServer({ db, config, logger, env, bind, ...answers });
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
  answers: Answers | undefined,
  task: () => Promise<void>,
): Promise<void> {
  if (address === undefined) return task();
  const { host, port } = context.config.admin;
  const bind = address === '' ? { host, port } : parseBindAddress(address, { host, port });
  const server = await serveAdmin(context, db, bind, answers);
  try {
    await task();
  } finally {
    await server.close();
  }
}
