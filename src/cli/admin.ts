import { untilInterrupted } from '../lifecycle/interruption.ts';
import type { ListenAddress } from '../listen-address.ts';
import { serveAdmin } from './admin-page.ts';
import type { CommandContext } from './options.ts';
import { withDatabase } from './with-database.ts';

/** Serves the admin page until a signal. */
export async function runAdmin(context: CommandContext): Promise<number> {
  const { host, port }: ListenAddress = context.config.admin;
  await withDatabase(context, 'schema', async (db) => {
    const server = await serveAdmin(context, db, { host, port });
    context.output.write(`${server.url}\n`);
    await untilInterrupted(
      (signal) =>
        new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => resolve(), { once: true });
        }),
    );
    await server.close();
  });
  return 0;
}
