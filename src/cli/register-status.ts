import type { Command } from 'commander';
import type { Commands } from './options.ts';
import type { Runner } from './runner.ts';

export function registerStatus(program: Command, commands: Commands, run: Runner): void {
  interface Flags {
    readonly watch?: true;
    readonly json?: true;
  }
  program
    .command('status')
    .summary('show how consumers and log are')
    .description(
      'Shows how the consumers are (who runs them, what is pending, retried and dead, the last error), ' +
        'how large the log is, and the oldest writer.',
    )
    .option('--watch', 'show it again every 2 seconds')
    .option('--json', 'as JSON; with --watch, one line each time')
    .action((flags: Flags) =>
      run({}, commands.status, (status, context) =>
        status(context, { watch: flags.watch === true, json: flags.json === true }),
      ),
    );
}
