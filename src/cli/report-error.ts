import { styleText } from 'node:util';
import { messageOf } from '../error-fields.ts';
import { type ErrorKind, PgwatchError } from '../errors.ts';
import { isVerbose, type LogFormat, type LogLevel } from '../log-level.ts';
import { inSources } from '../own-stack.ts';
import { redactText } from '../redact.ts';

/** Of `pgwatch`: see docs/errors.md. */
export const EXIT_CODES = { failure: 1, usage: 2 } as const satisfies Record<ErrorKind, number>;

export interface ErrorReporting {
  readonly format: LogFormat;
  readonly level: LogLevel;
  readonly colours: boolean;
  write(text: string): void;
}

/**
 * Tells the user of the error that ended the command, in the format of the log, and gives the exit
 * code. A stack is shown at the log levels debug and trace only, a password never.
 */
export function reportError(thrown: unknown, reporting: ErrorReporting): number {
  const { code, message, hint, stack } = describe(thrown, isVerbose(reporting.level));
  if (reporting.format === 'json') {
    const time = new Date().toISOString();
    const line = { level: 'fatal', time, code, hint, stack, msg: message };
    reporting.write(`${JSON.stringify(line)}\n`);
  } else {
    const title = `error[${code}]:`;
    const shown = reporting.colours ? styleText('red', title, { validateStream: false }) : title;
    const lines = [`${shown} ${message}`];
    if (hint !== undefined) lines.push(`  → ${hint}`);
    if (stack !== undefined) lines.push(stack);
    reporting.write(`${lines.join('\n')}\n`);
  }
  return EXIT_CODES[thrown instanceof PgwatchError ? thrown.kind : 'failure'];
}

interface Description {
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
  readonly stack: string | undefined;
}

function describe(thrown: unknown, withStack: boolean): Description {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const isOwn = error instanceof PgwatchError;
  const name = isOwn || error.name === 'Error' ? '' : `${error.name}: `;
  return {
    code: isOwn ? error.code : 'UNEXPECTED',
    message: redactText(`${name}${messageOf(error)}`),
    hint: isOwn
      ? error.hint && redactText(error.hint)
      : withStack
        ? undefined
        : '--log-level debug shows where it comes from.',
    stack: withStack ? redactText(stackOf(error)) : undefined,
  };
}

/** The stack of an error and of what caused it. */
function stackOf(error: Error): string {
  const stacks: string[] = [];
  const seen = new Set<unknown>();
  for (let current: unknown = error; current instanceof Error; current = current.cause) {
    if (seen.has(current)) break;
    seen.add(current);
    stacks.push(inSources(current.stack ?? String(current)));
  }
  return stacks.join('\ncaused by: ');
}
