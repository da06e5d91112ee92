import { styleText } from 'node:util';
import { isRecord } from './is-record.ts';
import { parseJson } from './parse-json.ts';
import { stringifyJson } from './stringify-json.ts';

type Colour = Parameters<typeof styleText>[0];

const LEVEL_COLOURS: Readonly<Record<string, Colour>> = {
  trace: 'gray',
  debug: 'gray',
  info: 'green',
  warn: 'yellow',
  error: 'red',
  fatal: 'red',
};

export interface LogLineStyle {
  readonly colours: boolean;
  /** Whether errors come with their stack, on lines of their own. */
  readonly stacks: boolean;
}

/**
 * A line of the JSON log as a person wants to read it, newline included:
 * `12:00:01.123 INFO  consumer live  consumer=welcome_email`. The time is local.
 */
export function formatLogLine(json: string, style: LogLineStyle): string {
  const parsed: unknown = parseJson(json);
  if (!isRecord(parsed)) return json;
  const { level, time, msg, ...fields } = parsed;
  const paint = (colour: Colour, text: string) =>
    style.colours ? styleText(colour, text, { validateStream: false }) : text;

  const stacks: string[] = [];
  const pairs: [string, unknown][] = [];
  for (const [key, value] of Object.entries(fields)) {
    if (key === 'err' || key === 'error') collectError('', value, pairs, stacks);
    else pairs.push([key, value]);
  }
  const head = [
    paint('gray', clockTime(time)),
    paint(LEVEL_COLOURS[String(level)] ?? 'white', String(level).toUpperCase().padEnd(5)),
    visible(String(msg ?? '')),
  ].join(' ');
  const tail = pairs.map(
    ([key, value]) => `${paint('cyan', `${visible(key)}=`)}${formatValue(value)}`,
  );
  const line = tail.length === 0 ? head : `${head}  ${tail.join(' ')}`;
  return `${[line, ...(style.stacks ? stacks : [])].join('\n')}\n`;
}

/** An error becomes fields of the line: `error="boom" code=23505 at=consumers/a.ts:3:5`. */
function collectError(
  prefix: string,
  value: unknown,
  pairs: [string, unknown][],
  stacks: string[],
): void {
  if (!isRecord(value)) {
    pairs.push([`${prefix}error`, value]);
    return;
  }
  const { type, message, stack, cause, ...others } = value;
  const text = type === undefined ? message : `${String(type)}: ${String(message)}`;
  pairs.push([prefix === '' ? 'error' : prefix, text]);
  for (const [key, other] of Object.entries(others)) {
    pairs.push([prefix === '' ? key : `${prefix}.${key}`, other]);
  }
  if (typeof stack === 'string') stacks.push(stack.replaceAll(/^/gm, '    '));
  if (cause !== undefined) collectError('cause', cause, pairs, stacks);
}

/** `12:00:01.123`, local. */
export function clockTime(time: unknown): string {
  const date = new Date(String(time));
  const two = (part: number) => String(part).padStart(2, '0');
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  return `${clock}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

function formatValue(value: unknown): string {
  if (typeof value !== 'string') return visible(stringifyJson(value));
  return /^[^\s"'=\p{Cc}]+$/u.test(value) ? value : visible(stringifyJson(value));
}

/** Control characters as escapes: what is logged can neither start a line nor steer a terminal. */
export function visible(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (character) => {
    if (character === '\n') return '\\n';
    if (character === '\t') return '\\t';
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}
