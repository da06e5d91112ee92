import { Command, CommanderError } from 'commander';
import type { SettingFlags } from '../config/settings.ts';
import { PgwatchError } from '../errors.ts';
import { StrayErrors } from '../lifecycle/stray-errors.ts';
import { LOG_FORMATS, LOG_LEVELS } from '../log-level.ts';
import { COMMANDS } from './commands.ts';
import { type Host, processHost } from './host.ts';
import type { CommandContext, Commands } from './options.ts';
import { outputOf, tolerateClosedPipe } from './output.ts';
import { registerCommands } from './register-commands.ts';
import { type ErrorReporting, EXIT_CODES, reportError } from './report-error.ts';
import { version } from './version.ts';

/** As typed, not checked. */
interface GlobalFlags {
  readonly config?: string;
  readonly databaseUrl?: string;
  readonly listenUrl?: string;
  readonly logLevel?: string;
  readonly logFormat?: string;
}

/**
 * Runs one command line to its end.
 * @param argv as Node gives it: the program's arguments start at index 2
 * @returns the exit code: 0 done, 1 failed, 2 wrong usage or configuration
 */
export async function main(
  argv: readonly string[],
  host: Host = processHost(),
  commands: Commands = COMMANDS,
): Promise<number> {
  tolerateClosedPipe(host.stdout);
  tolerateClosedPipe(host.stderr);
  const program = createProgram(host);
  let reporting: ErrorReporting | undefined;
  let exitCode = 0;

  const report = (error: unknown) =>
    reportError(error, reporting ?? reportingBeforeConfig(program.opts(), host));
  const strayErrors = new StrayErrors(report);
  host.onStrayError?.((error, origin) => strayErrors.handle(error, origin));
  registerCommands(program, commands, async (flags, load, call) => {
    // First: what is imported after a TypeScript configuration takes twice as long.
    const body = await load();
    const context = await openContext(program.opts<GlobalFlags>(), flags, host, strayErrors);
    reporting = reportingOf(host, context.config.logFormat, context.config.logLevel);
    exitCode = await call(body, context);
  });
  refuseWithUsageErrors(program);

  try {
    await program.parseAsync(argv);
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_CODES.usage;
    return report(error);
  }
}

function createProgram(host: Host): Command {
  return new Command('pgwatch')
    .description('PostgreSQL LISTEN/NOTIFY with persistence and playback.')
    .usage('[options] <command>')
    .version(version(), '--version', 'print the version')
    .helpOption('-h, --help', 'print help; also `pgwatch help <command>`')
    .option('--config <file>', 'configuration file (default: the nearest pgwatch.config.*)')
    .option('--database-url <url>', 'PostgreSQL URL, or "embedded"')
    .option('--listen-url <url>', 'PostgreSQL URL for LISTEN, if the other one is a pooler')
    .option('--log-level <level>', `${LOG_LEVELS.join(', ')} (default: info)`)
    .option('--log-format <format>', `${LOG_FORMATS.join(' or ')} (default: pretty on a terminal)`)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => void host.stdout.write(text),
      writeErr: (text) => void host.stderr.write(text),
      outputError: () => undefined,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .addHelpText('after', '\nExit codes: 0 done, 1 failed, 2 wrong usage or configuration.');
}

async function openContext(
  globals: GlobalFlags,
  flags: SettingFlags,
  host: Host,
  strayErrors: StrayErrors,
): Promise<CommandContext> {
  const [{ loadConfig }, { createLogger }] = await Promise.all([
    import('../config/load-config.ts'),
    import('../logger.ts'),
  ]);
  const config = await loadConfig({
    cwd: host.cwd,
    env: host.env,
    configFile: globals.config,
    flags: {
      database: globals.databaseUrl,
      listenUrl: globals.listenUrl,
      logLevel: globals.logLevel,
      logFormat: globals.logFormat,
      ...flags,
    },
    isTerminal: host.stderr.isTTY === true,
  });
  return {
    config,
    env: host.env,
    logger: createLogger({
      level: config.logLevel,
      format: config.logFormat,
      destination: host.stderr,
      colours: wantsColours(host),
    }),
    output: outputOf(host.stdout),
    input: host.stdin,
    strayErrors,
  };
}

/** Every command's complaints about its arguments become a PgwatchError with exit code 2. */
function refuseWithUsageErrors(command: Command): void {
  command.exitOverride((error) => {
    throw error.exitCode === 0 || error.code === 'commander.help'
      ? error
      : usageError(error, command);
  });
  for (const child of command.commands) refuseWithUsageErrors(child);
}

function usageError(error: CommanderError, command: Command): PgwatchError {
  const [complaint = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const what = complaint.charAt(0).toUpperCase() + complaint.slice(1);
  const name = command.parent === null ? 'pgwatch' : `pgwatch ${command.name()}`;
  return new PgwatchError('USAGE', {
    what: what.endsWith('.') ? what : `${what}.`,
    hint: suggestion?.replace(/^\((.*)\)$/, '$1') ?? `Run ${name} --help to see what there is.`,
  });
}

/** What is known of format and level when the configuration could not be read. */
function reportingBeforeConfig(globals: GlobalFlags, host: Host): ErrorReporting {
  const { env, stderr } = host;
  const format = [globals.logFormat, env['PGWATCH_LOG_FORMAT']].find(isOneOf(LOG_FORMATS));
  const level = [globals.logLevel, env['PGWATCH_LOG_LEVEL']].find(isOneOf(LOG_LEVELS));
  return reportingOf(host, format ?? (stderr.isTTY === true ? 'pretty' : 'json'), level ?? 'info');
}

function isOneOf<Choice extends string>(choices: readonly Choice[]) {
  return (text: string | undefined): text is Choice => choices.some((choice) => choice === text);
}

/** Asks the terminal, NO_COLOR, FORCE_COLOR and TERM. */
function wantsColours({ stderr }: Host): boolean {
  return stderr.isTTY === true && stderr.hasColors?.() === true;
}

function reportingOf(
  host: Host,
  format: ErrorReporting['format'],
  level: ErrorReporting['level'],
): ErrorReporting {
  return {
    format,
    level,
    colours: wantsColours(host),
    write: (text) => void host.stderr.write(text),
  };
}
