import { createServer, type Server } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { PgwatchError } from '../../errors.ts';
import { openPort } from '../../http/open-port.ts';
import { isLoopback, type ListenAddress, shownAddress } from '../../listen-address.ts';
import { createApp } from './app.ts';
import { Credentials } from './credentials.ts';
import type { AdminOptions } from './options.ts';
import { Site } from './site.ts';

export interface AdminServer {
  /** Where it listens, without a prefix: `http://127.0.0.1:7432`. */
  readonly url: string;
  /** Lets open pages go, and requests that run be answered. */
  close(): Promise<void>;
}

/**
 * Serves the admin page until closed.
 * @throws ADMIN_CREDENTIALS when they are missing for an address that others can reach, or no good;
 *   ADDRESS_UNAVAILABLE
 */
export async function startAdminServer(options: AdminOptions): Promise<AdminServer> {
  const { db, config, logger, bind, env = process.env } = options;
  const credentials = new Credentials(env);
  assertMayListen(bind, credentials);
  const site = new Site({ db, config, logger, credentials });
  const app = createApp(site, options);
  const server = createServer(getRequestListener(app.fetch));
  const address = await openPort(server, bind, {
    what: 'The admin page',
    how: 'with --host and --port (`listen --admin host:port`)',
  });
  site.watch.start();
  const url = `http://${shownAddress(address)}`;
  logger.info({ url, credentials: credentials.areConfigured }, 'admin page ready');
  return {
    url,
    close: async () => {
      site.watch.stop();
      await end(server);
    },
  };
}

/** What an action gets to finish in; a replay that is cut off goes on when it is asked for again. */
const GRACE_MS = 5_000;
const LOOK_EVERY_MS = 50;

/** Lets requests that run be answered. Open pages have been let go before. */
async function end(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  const idle = setInterval(() => server.closeIdleConnections(), LOOK_EVERY_MS);
  const grace = setTimeout(() => server.closeAllConnections(), GRACE_MS);
  await closed;
  clearInterval(idle);
  clearTimeout(grace);
}

function assertMayListen(bind: ListenAddress, { areConfigured }: Credentials): void {
  if (areConfigured || isLoopback(bind.host)) return;
  throw new PgwatchError('ADMIN_CREDENTIALS', {
    what: `The admin page is to listen at ${bind.host}, and there are no credentials.`,
    why: 'Others could read every notification and steer every consumer.',
    hint: 'Set PGWATCH_ADMIN_TOKEN, or PGWATCH_ADMIN_USER and PGWATCH_ADMIN_PASSWORD; or listen at 127.0.0.1.',
  });
}
