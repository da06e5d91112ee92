import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino';
import { errorFields } from './error-fields.ts';
import { isVerbose, type LogFormat, type LogLevel } from './log-level.ts';
import { formatLogLine } from './log-line.ts';
import { redactJson } from './redact.ts';

export type { Logger };

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Where the lines go. Default: standard error, written synchronously. */
  readonly destination?: DestinationStream;
  /** Colours in the pretty format. Default: none. */
  readonly colours?: boolean;
}

const STANDARD_ERROR = 2;

/**
 * The program's logger. Everything is logged to standard error; standard output is for results.
 * Log a constant message and fields: `logger.info({ consumer }, 'consumer live')`. Errors go under
 * `err`. The passwords of connection strings are masked wherever they stand in a line.
 */
export function createLogger(options: LoggerOptions): Logger {
  return pino(
    {
      level: options.level,
      base: null,
      // What pino cannot stringify itself (a bigint, for one) it would cut after 5 levels.
      depthLimit: 100,
      edgeLimit: 10_000,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: errorFields, error: errorFields },
      hooks: { streamWrite: redactJson },
    },
    destinationOf(options),
  );
}

function destinationOf(options: LoggerOptions): DestinationStream {
  const destination = options.destination ?? pino.destination({ dest: STANDARD_ERROR, sync: true });
  if (options.format === 'json') return destination;
  const style = {
    colours: options.colours === true,
    stacks: isVerbose(options.level),
  };
  return { write: (line) => destination.write(formatLogLine(line, style)) };
}
