import { type Command, Option } from 'commander';
import type { Commands, ConsumerFilters } from './options.ts';
import { addNames, nonEmpty } from './parse-names.ts';
import { registerAdmin } from './register-admin.ts';
import { registerAdopt } from './register-adopt.ts';
import { registerHelp } from './register-help.ts';
import { registerMigrate } from './register-migrate.ts';
import { registerObserving } from './register-observing.ts';
import { registerSteering } from './register-steering.ts';
import type { Runner } from './runner.ts';

/** Names, arguments and options of all commands. */
export function registerCommands(program: Command, commands: Commands, run: Runner): void {
  registerMigrate(program, commands, run);
  registerListen(program, commands, run);
  registerListConsumers(program, commands, run);
  registerCleanup(program, commands, run);
  registerObserving(program, commands, run);
  registerAdmin(program, commands, run);
  registerSteering(program, commands, run);
  registerAdopt(program, commands, run);
  registerNotify(program, commands, run);
  registerHelp(program);
}

interface FilterFlags {
  readonly consumers?: string[];
  readonly apps?: string[];
  readonly excludeConsumers?: string[];
}

function registerListen(program: Command, commands: Commands, run: Runner): void {
  interface Flags extends FilterFlags {
    readonly timeout?: string;
    readonly maxBatchSize?: string;
    readonly skipPlayback?: true;
    readonly reconnectDelay?: string;
    readonly shutdownTimeout?: string;
    readonly metrics?: string | true;
    readonly once?: true;
    readonly migrate?: true;
    readonly admin?: string | true;
    readonly listConsumers?: true;
    readonly json?: true;
  }
  const command = addFilters(
    program
      .command('listen')
      .summary('run consumers: playback of what was missed, then live')
      .description('Runs the consumers in one process: playback of what they missed, then live.'),
  )
    .option(
      '--timeout <seconds>',
      'look for notifications this often even if nobody rang (default: 30)',
    )
    .option('--max-batch-size <n>', 'notifications to take up at once (default: 100)')
    .option('--skip-playback', 'start from now; what was skipped can be replayed later')
    .option(
      '--reconnect-delay <seconds>',
      'longest pause between attempts to reconnect (default: 5)',
    )
    .option('--shutdown-timeout <seconds>', 'time for running handlers to finish in (default: 30)')
    .option('--metrics [host:port]', 'serve /metrics, /healthz, /readyz (there: 127.0.0.1:9464)')
    .addOption(
      new Option('--once', 'handle everything that is there, then exit').conflicts('metrics'),
    )
    .option('--migrate', 'migrate first')
    .addOption(
      new Option(
        '--admin [address]',
        'serve the admin page too (default: 127.0.0.1:7432)',
      ).conflicts('once'),
    )
    .addOption(
      new Option('--list-consumers', 'the same as the command list-consumers').conflicts([
        'once',
        'migrate',
        'admin',
      ]),
    )
    .option('--json', 'with --list-consumers: as JSON');
  command.action((flags: Flags) => {
    if (flags.json === true && flags.listConsumers !== true) {
      command.error("error: option '--json' needs option '--list-consumers'");
    }
    const settings = {
      timeoutSeconds: flags.timeout,
      maxBatchSize: flags.maxBatchSize,
      skipPlayback: flags.skipPlayback,
      reconnectDelaySeconds: flags.reconnectDelay,
      shutdownTimeoutSeconds: flags.shutdownTimeout,
      metrics: flags.metrics,
    };
    const filters = filtersOf(flags);
    if (flags.listConsumers === true) {
      return run(settings, commands.listConsumers, (listConsumers, context) =>
        listConsumers(context, { ...filters, json: flags.json === true }),
      );
    }
    return run(settings, commands.listen, (listen, context) =>
      listen(context, {
        ...filters,
        once: flags.once === true,
        migrate: flags.migrate === true,
        admin: flags.admin === true ? '' : flags.admin,
      }),
    );
  });
}

function registerListConsumers(program: Command, commands: Commands, run: Runner): void {
  interface Flags extends FilterFlags {
    readonly json?: true;
  }
  addFilters(
    program
      .command('list-consumers')
      .summary('list the consumers that are found')
      .description('Lists the consumers that are found, with app, file and channels.'),
  )
    .option('--json', 'as JSON')
    .action((flags: Flags) =>
      run({}, commands.listConsumers, (listConsumers, context) =>
        listConsumers(context, { ...filtersOf(flags), json: flags.json === true }),
      ),
    );
}

function registerCleanup(program: Command, commands: Commands, run: Runner): void {
  interface Flags {
    readonly days?: string;
    readonly dryRun?: true;
    readonly includeUnprocessed?: true;
    readonly includeDead?: true;
  }
  program
    .command('cleanup')
    .summary('delete old notifications')
    .description(
      'Deletes old notifications. What a consumer has not handled, waits for redelivery or is ' +
        'dead-lettered stays.',
    )
    .option('--days <n>', 'older than this; fractions count (default: 7)')
    .option('--dry-run', 'count and delete nothing')
    .option('--include-unprocessed', 'also what a consumer has not handled yet')
    .option('--include-dead', 'also dead letters')
    .action((flags: Flags) =>
      run({ 'cleanup.days': flags.days }, commands.cleanup, (cleanup, context) =>
        cleanup(context, {
          dryRun: flags.dryRun === true,
          includeUnprocessed: flags.includeUnprocessed === true,
          includeDead: flags.includeDead === true,
        }),
      ),
    );
}

function registerNotify(program: Command, commands: Commands, run: Runner): void {
  interface Flags {
    readonly key?: string;
  }
  program
    .command('notify')
    .summary('send one notification')
    .description('Sends one notification and prints its id.')
    .argument('<channel>', 'channel to send on')
    .argument('[json]', 'payload; - reads standard input', '{}')
    .addOption(
      new Option('--key <key>', 'notifications of one key stay in order').argParser(nonEmpty),
    )
    .action((channel: string, json: string, flags: Flags) =>
      run({}, commands.notify, (notify, context) =>
        notify(context, { key: flags.key }, channel, json),
      ),
    );
}

function addFilters(command: Command): Command {
  const list = (flags: string, description: string) =>
    new Option(flags, description).argParser(addNames);
  return command
    .addOption(list('--consumers <ids...>', 'only these consumers (also comma-separated)'))
    .addOption(list('--apps <apps...>', 'only the consumers of these apps'))
    .addOption(list('--exclude-consumers <ids...>', 'all but these consumers'));
}

function filtersOf(flags: FilterFlags): ConsumerFilters {
  return {
    consumers: flags.consumers ?? [],
    apps: flags.apps ?? [],
    excludeConsumers: flags.excludeConsumers ?? [],
  };
}
