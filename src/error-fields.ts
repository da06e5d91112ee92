import { formatPlace, placeInStack } from './error-place.ts';
import { PgwatchError } from './errors.ts';
import { inSources } from './own-stack.ts';
import { redactStart } from './redact.ts';

/** What of an error goes into a log line. Passwords are masked. */
export interface ErrorFields {
  /** The class, when it says more than "Error". */
  readonly type?: string;
  /** pgwatch's own code, Node's (ECONNREFUSED) or PostgreSQL's SQLSTATE. */
  readonly code?: string;
  readonly message: string;
  /** What PostgreSQL adds to its message. */
  readonly detail?: string;
  /** What to do next. */
  readonly hint?: string;
  /** The first line of the user's own code in the stack. */
  readonly at?: string;
  readonly stack?: string;
  readonly cause?: ErrorFields;
}

/** Anything that was thrown, as fields. Never throws itself. */
export function errorFields(thrown: unknown): ErrorFields {
  try {
    return fieldsOf(thrown, []);
  } catch {
    // A proxy or a getter that throws when it is looked at.
    return { message: 'what was thrown cannot be read' };
  }
}

/** Of each text: an error may quote all of a payload. */
const LONGEST_TEXT = 10_000;

function shown(text: string): string {
  const start = redactStart(text, LONGEST_TEXT + 1);
  return start.length <= LONGEST_TEXT ? start : `${start.slice(0, LONGEST_TEXT)}…`;
}

/** `outer`: the errors that this one is a cause of, for causes can go in a circle. */
function fieldsOf(thrown: unknown, outer: readonly unknown[]): ErrorFields {
  if (!(thrown instanceof Error)) return { message: shown(textOf(thrown)) };
  const code = textField(thrown, 'code');
  const detail = textField(thrown, 'detail');
  const hint = textField(thrown, 'hint');
  const place = placeInStack(thrown);
  const isOwn = thrown instanceof PgwatchError;
  return {
    ...(thrown.name === 'Error' || isOwn ? {} : { type: thrown.name }),
    ...(code === undefined ? {} : { code }),
    message: shown(messageOf(thrown)),
    ...(detail === undefined ? {} : { detail: shown(detail) }),
    ...(hint === undefined ? {} : { hint: shown(hint) }),
    ...(place === undefined || isOwn ? {} : { at: formatPlace(place) }),
    ...(thrown.stack === undefined || isOwn ? {} : { stack: shown(inSources(thrown.stack)) }),
    ...(thrown.cause === undefined || thrown.cause === thrown || outer.includes(thrown.cause)
      ? {}
      : { cause: fieldsOf(thrown.cause, [...outer, thrown]) }),
  };
}

/** Node leaves the message empty when several addresses of a host failed: theirs, then. */
export function messageOf(error: Error): string {
  if (error.message !== '' || !(error instanceof AggregateError)) return error.message;
  return error.errors
    .map((part) => (part instanceof Error ? part.message : textOf(part)))
    .join('; ');
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

function textField(error: Error, name: string): string | undefined {
  const value: unknown = Reflect.get(error, name);
  return typeof value === 'string' && value !== '' ? value : undefined;
}
