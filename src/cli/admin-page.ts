import type { AdminOptions } from '../admin/web/options.ts';
import type { AdminServer } from '../admin/web/server.ts';
import type { Database } from '../db/database.ts';
import { PgwatchError } from '../errors.ts';
import { type ListenAddress, parseListenAddress } from '../listen-address.ts';
import type { CommandContext } from './options.ts';
import { openOwnConnections } from './own-connections.ts';

/** What the process that serves the page can tell of itself. */
type Answers = Pick<AdminOptions, 'metrics' | 'readiness'>;

/** Enough for some people; deliveries have a pool of their own. */
const POOL_SIZE = 4;

/** Serves the admin page over connections of its own to the same database. The caller closes it. */
export async function serveAdmin(
  context: CommandContext,
  shared: Database,
  bind: ListenAddress,
  answers: Answers = {},
): Promise<AdminServer> {
  const { config, env, logger } = context;
  const { startAdminServer } = await import('../admin/web/server.ts');
  const db = openOwnConnections(context, shared, POOL_SIZE);
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
  const bind = addressOf(address, context.config.admin);
  const server = await serveAdmin(context, db, bind, answers);
  try {
    await task();
  } finally {
    await server.close();
  }
}

/** @throws USAGE */
function addressOf(typed: string, { host, port }: ListenAddress): ListenAddress {
  if (typed === '') return { host, port };
  const address = parseListenAddress(typed, { host, port });
  if (address !== undefined) return address;
  throw new PgwatchError('USAGE', {
    what: `${JSON.stringify(typed)} is no address to listen at.`,
    hint: 'Write host:port, such as 127.0.0.1:7432 or [::1]:7432, or only a port.',
  });
}
