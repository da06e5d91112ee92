import { type Command, Option } from 'commander';
import type { ChangeOptions, Commands } from './options.ts';
import { addNames, nonEmpty } from './parse-names.ts';
import type { Runner } from './runner.ts';

/** The commands that change what consumers do. */
export function registerSteering(program: Command, commands: Commands, run: Runner): void {
  registerReplay(program, commands, run);
  registerDiscard(program, commands, run);
  registerPause(program, commands, run);
  registerForget(program, commands, run);
}

function registerReplay(program: Command, commands: Commands, run: Runner): void {
  addChoice(
    program
      .command('replay')
      .summary('let a consumer handle notifications again')
      .description(
        'Lets a consumer handle notifications again: what it has handled, skipped or has as dead ' +
          'letters. Shows how many they are, and asks on a terminal.',
      ),
  ).action((flags: ChoiceFlags) =>
    run({}, commands.replay, (replay, context) => replay(context, choiceOf(flags))),
  );
}

function registerDiscard(program: Command, commands: Commands, run: Runner): void {
  addChoice(
    program
      .command('discard')
      .summary('give up dead letters and retries of a consumer')
      .description(
        'Gives up what waits to be handled again by a consumer, and its dead letters. They count as ' +
          'handled; what waited behind them goes on. Shows how many they are, and asks on a terminal.',
      ),
  ).action((flags: ChoiceFlags) =>
    run({}, commands.discard, (discard, context) => discard(context, choiceOf(flags))),
  );
}

function registerPause(program: Command, commands: Commands, run: Runner): void {
  program
    .command('pause')
    .summary('let a consumer rest')
    .description(
      'Lets a consumer rest, in all processes: running handlers finish, nothing more is begun. What ' +
        'comes waits in the log.',
    )
    .argument('<consumer>', 'its id')
    .action((consumer: string) =>
      run({}, commands.pause, (pause, context) => pause(context, consumer)),
    );
  program
    .command('resume')
    .summary('let a paused consumer go on')
    .description('Lets a paused consumer go on where it was.')
    .argument('<consumer>', 'its id')
    .action((consumer: string) =>
      run({}, commands.resume, (resume, context) => resume(context, consumer)),
    );
}

function registerForget(program: Command, commands: Commands, run: Runner): void {
  program
    .command('forget')
    .summary('retire a consumer')
    .description(
      'Retires a consumer that is not run any more: its position, retries and dead letters go, and ' +
        'clean-up does not wait for it. Run again, it is a new one.',
    )
    .argument('<consumer>', 'its id')
    .option('-y, --yes', 'do not ask')
    .action((consumer: string, flags: { readonly yes?: true }) =>
      run({}, commands.forget, (forget, context) =>
        forget(context, { yes: flags.yes === true }, consumer),
      ),
    );
}

interface ChoiceFlags {
  readonly consumer: string;
  readonly id?: string[];
  readonly channel?: string[];
  readonly since?: string;
  readonly until?: string;
  readonly key?: string;
  readonly where?: string[];
  readonly dead?: true;
  readonly all?: true;
  readonly dryRun?: true;
  readonly yes?: true;
}

function addChoice(command: Command): Command {
  const list = (flags: string, description: string) =>
    new Option(flags, description).argParser(addNames);
  return command
    .addOption(new Option('--consumer <id>', 'whose').argParser(nonEmpty).makeOptionMandatory())
    .addOption(list('--id <ids...>', 'these notifications (also comma-separated)'))
    .addOption(list('--channel <channels...>', 'those of these channels'))
    .option('--since <time>', 'written then or later: 2026-11-24T10:00, or an age: 15m, 2h, 1d')
    .option('--until <time>', 'written before')
    .option('--key <key>', 'those with this key')
    .option(
      '--where <field=value...>',
      'by fields of the payload: table=users, new_data.status=paid',
    )
    .option('--dead', 'only dead letters')
    .option('--all', 'all of the consumer')
    .option('--dry-run', 'show how many, change nothing')
    .option('-y, --yes', 'do not ask');
}

function choiceOf(flags: ChoiceFlags): ChangeOptions {
  return {
    consumer: flags.consumer,
    ids: flags.id ?? [],
    channels: flags.channel ?? [],
    since: flags.since,
    until: flags.until,
    key: flags.key,
    where: flags.where ?? [],
    dead: flags.dead === true,
    all: flags.all === true,
    dryRun: flags.dryRun === true,
    yes: flags.yes === true,
  };
}
