import type { Command } from 'commander';
import { PgwatchError } from '../errors.ts';

/** Instead of commander's own, which has no complaint about a command that does not exist. */
export function registerHelp(program: Command): void {
  program
    .helpCommand(false)
    .command('help')
    .summary('print help on a command')
    .description('Prints help on a command, or on pgwatch.')
    .argument('[command]', 'its name')
    .action(async (name: string | undefined) => {
      if (name === undefined) program.help();
      const command = program.commands.find((one) => one.name() === name);
      if (command === undefined) throw await unknownCommand(name, program);
      command.help();
    });
}

async function unknownCommand(name: string, program: Command): Promise<PgwatchError> {
  // Not needed to print the help, which should be quick.
  const { suggest } = await import('../suggest.ts');
  const names = program.commands.map((command) => command.name());
  return new PgwatchError('USAGE', {
    what: `Unknown command '${name}'.${suggest(name, names)}`,
    hint: `There are: ${names.join(', ')}.`,
  });
}
