import type { Command } from 'commander';
import type { Commands } from './options.ts';
import type { Runner } from './runner.ts';

export function registerAdmin(program: Command, commands: Commands, run: Runner): void {
  interface Flags {
    readonly host?: string;
    readonly port?: string;
    readonly prefix?: string;
    readonly allowedHosts?: string;
  }
  program
    .command('admin')
    .summary('serve the admin page')
    .description(
      'Serves the admin page: how consumers and log are, and what can be done about it. An address ' +
        'that others can reach needs credentials; `docs/admin.md` says how.',
    )
    .option('--host <host>', 'the address to listen at (default: 127.0.0.1)')
    .option('--port <port>', 'the port; 0 takes any that is free (default: 7432)')
    .option('--prefix <path>', 'the path under which a proxy shows it')
    .option('--allowed-hosts <names>', 'names it may be asked for under, comma-separated')
    .action((flags: Flags) =>
      run(
        {
          'admin.host': flags.host,
          'admin.port': flags.port,
          'admin.prefix': flags.prefix,
          'admin.allowedHosts': flags.allowedHosts,
        },
        commands.admin,
        (admin, context) => admin(context),
      ),
    );
}
