import { type Command, Option } from 'commander';
import type { Commands } from './options.ts';
import { addNames, nonEmpty } from './parse-names.ts';
import type { Runner } from './runner.ts';

export function registerMigrate(program: Command, commands: Commands, run: Runner): void {
  interface Flags {
    readonly status?: true;
    readonly to?: string;
    readonly down?: true;
    readonly dryRun?: true;
    readonly grantProducer?: string[];
    readonly grantConsumer?: string[];
    readonly grantCleanup?: string[];
  }
  program
    .command('migrate')
    .summary("install or upgrade the schema, then run the project's own migrations")
    .description(
      "Installs or upgrades pgwatch's schema and functions, then runs the project's own migrations.",
    )
    .addOption(
      new Option('--status', 'list what is applied and what is not').conflicts([
        'to',
        'down',
        'dryRun',
        'grantProducer',
        'grantConsumer',
        'grantCleanup',
      ]),
    )
    .addOption(
      new Option('--to <name>', 'migrate up or down to this migration')
        .argParser(nonEmpty)
        .conflicts('down'),
    )
    .option('--down', "revert the project's newest migration")
    .option('--dry-run', 'print the SQL and change nothing')
    .addOption(
      roles('--grant-producer <roles...>', 'then let these roles send and write captured tables'),
    )
    .addOption(roles('--grant-consumer <roles...>', 'then let these roles run listen and notify'))
    .addOption(roles('--grant-cleanup <roles...>', 'then let these roles run cleanup'))
    .action((flags: Flags) =>
      run({}, commands.migrate, (migrate, context) =>
        migrate(context, {
          status: flags.status === true,
          to: flags.to,
          down: flags.down === true,
          dryRun: flags.dryRun === true,
          grants: {
            producer: flags.grantProducer ?? [],
            consumer: flags.grantConsumer ?? [],
            cleanup: flags.grantCleanup ?? [],
          },
        }),
      ),
    );
}

function roles(flags: string, description: string): Option {
  return new Option(flags, `${description} (also comma-separated)`).argParser(addNames);
}
