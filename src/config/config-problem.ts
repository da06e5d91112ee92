import { type ErrorCode, PgwatchError } from '../errors.ts';
import { redactText } from '../redact.ts';

/** One thing that is wrong with the configuration. */
export interface ConfigProblem {
  /** Where it comes from: `pgwatch.config.ts: retry.factor`, `flag --timeout`. */
  readonly source: string;
  /** What is wrong there, a sentence without its full stop or a few of them. */
  readonly text: string;
  /** The code when this is the only problem. Default CONFIG_INVALID. */
  readonly code?: ErrorCode;
  /** What to do when this is the only problem. */
  readonly hint?: string;
}

const HINT = 'docs/configuration.md lists every key, environment variable and flag with its range.';

/** All problems as one error. */
export function configError(problems: readonly ConfigProblem[]): PgwatchError {
  const lines = problems.map(({ source, text }) => `${source}: ${text}`);
  const [only] = problems;
  if (only !== undefined && problems.length === 1) {
    return new PgwatchError(only.code ?? 'CONFIG_INVALID', {
      what: lines.join(),
      hint: only.hint ?? HINT,
    });
  }
  const isUsage = problems.every(({ code }) => code === 'USAGE');
  return new PgwatchError(isUsage ? 'USAGE' : 'CONFIG_INVALID', {
    what: [`There are ${problems.length} problems:`, ...lines].join('\n  '),
    hint: HINT,
  });
}

const SHOWN_CHARACTERS = 80;

/** A value found, short enough for a message and without a password. */
export function showValue(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'symbol' || typeof value === 'bigint') return `a ${typeof value}`;
  if (typeof value === 'number' || value === undefined) return String(value);
  const text = redactText(jsonOf(value));
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}…`;
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return 'an object';
  }
}
