import type { Command } from 'commander';
import type { Commands } from './options.ts';
import type { Runner } from './runner.ts';

export function registerAdopt(program: Command, commands: Commands, run: Runner): void {
  interface Flags {
    readonly keepPending?: true;
    readonly skipPending?: true;
  }
  program
    .command('adopt')
    .summary('make a copy of a database an installation of its own')
    .description(
      'Makes a copy of a database (a restored dump, a template copy, what pg_upgrade made) an ' +
        'installation of its own. Until then its consumers do not run.',
    )
    .option('--keep-pending', 'what was not handled when the copy was made is handled here')
    .option('--skip-pending', 'what was not handled when the copy was made is skipped')
    .action((flags: Flags) =>
      run({}, commands.adopt, (adopt, context) =>
        adopt(context, {
          keepPending: flags.keepPending === true,
          skipPending: flags.skipPending === true,
        }),
      ),
    );
}
