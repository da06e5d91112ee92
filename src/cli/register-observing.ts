import type { Command } from 'commander';
import type { Commands } from './options.ts';
import type { Runner } from './runner.ts';

/** The commands that show how things stand. */
export function registerObserving(program: Command, commands: Commands, run: Runner): void {
  registerStatus(program, commands, run);
  registerTail(program, commands, run);
  registerExplain(program, commands, run);
  registerDoctor(program, commands, run);
}

function registerStatus(program: Command, commands: Commands, run: Runner): void {
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

function registerTail(program: Command, commands: Commands, run: Runner): void {
  interface Flags {
    readonly since?: string;
    readonly json?: true;
  }
  program
    .command('tail')
    .summary('show notifications as they come')
    .description('Shows notifications as they become visible, until a signal, like `tail -f`.')
    .argument('[channels...]', 'those of these channels (default: all)')
    .option('--since <time>', 'begin with what was written then: 2026-11-24T10:00, or an age: 15m')
    .option('--json', 'one line of JSON for each, with the whole payload')
    .action((channels: string[], flags: Flags) =>
      run({}, commands.tail, (tail, context) =>
        tail(context, { channels, since: flags.since, json: flags.json === true }),
      ),
    );
}

function registerExplain(program: Command, commands: Commands, run: Runner): void {
  interface Flags {
    readonly json?: true;
  }
  program
    .command('explain')
    .summary('tell the whole story of one notification')
    .description(
      'Tells of one notification when and by which transaction it was written, and what has become of ' +
        'it for each consumer, or for one: handled, skipped, pending and why, its attempts and errors, ' +
        'what it waits for.',
    )
    .argument('<id>', 'its id')
    .argument('[consumer]', "only this consumer's part")
    .option('--json', 'as JSON')
    .action((id: string, consumer: string | undefined, flags: Flags) =>
      run({}, commands.explain, (explain, context) =>
        explain(context, { json: flags.json === true }, id, consumer),
      ),
    );
}

function registerDoctor(program: Command, commands: Commands, run: Runner): void {
  interface Flags {
    readonly quick?: true;
    readonly json?: true;
  }
  program
    .command('doctor')
    .summary('find out what is wrong with this installation')
    .description(
      'Looks for what is wrong with this installation, and says how to mend it; proves over the log ' +
        'that no cursor passes over a committed row. Changes nothing. Exit code 1 when there is a problem.',
    )
    .option('--quick', 'leave out what reads all of the log')
    .option('--json', 'as JSON')
    .action((flags: Flags) =>
      run({}, commands.doctor, (doctor, context) =>
        doctor(context, { quick: flags.quick === true, json: flags.json === true }),
      ),
    );
}
