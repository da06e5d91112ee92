import { type ErrorParts, PgwatchError } from '../errors.ts';
import { stringifyJson } from '../stringify-json.ts';

/**
 * A payload as the JSON that is stored. JSON leaves out what it cannot hold; here that is refused,
 * because what was to be sent would be missing without a word. Undefined fields are left out all the
 * same, as everybody is used to.
 * @throws PAYLOAD_INVALID
 */
export function payloadJson(payload: unknown): string {
  try {
    return stringifyJson(payload, undefined, (key, value) => {
      if (typeof value !== 'function' && typeof value !== 'symbol') return value;
      const place = value === payload ? 'it is' : `at ${JSON.stringify(key)} it has`;
      throw new TypeError(`${place} a ${typeof value}`);
    });
  } catch (cause) {
    throw payloadInvalid(`The payload cannot be written as JSON: ${reasonOf(cause, payload)}.`, {
      hint: JSON_HINT,
      cause,
    });
  }
}

function reasonOf(error: unknown, payload: unknown): string {
  if (error instanceof RangeError) {
    return hasCircle(payload)
      ? 'it contains itself (a circle)'
      : "it is nested too deeply for JavaScript's stack";
  }
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/\.$/, '');
}

/** Without recursion: what is asked about has just overflowed the stack. */
function hasCircle(payload: unknown): boolean {
  const open = new Set<object>();
  const done = new Set<object>();
  const stack: { readonly value: unknown; readonly leaves: boolean }[] = [
    { value: payload, leaves: false },
  ];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { value, leaves } = next;
    if (typeof value !== 'object' || value === null || done.has(value)) continue;
    if (leaves) {
      open.delete(value);
      done.add(value);
      continue;
    }
    if (open.has(value)) return true;
    open.add(value);
    stack.push({ value, leaves: true });
    for (const inner of Object.values(value)) stack.push({ value: inner, leaves: false });
  }
  return false;
}

/** Of a text that somebody typed. @param hint how it is to be typed @throws PAYLOAD_INVALID */
export function assertJsonText(text: string, hint: string): void {
  try {
    JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw payloadInvalid(`The payload is no JSON: ${reason}.`, { hint, cause });
  }
}

/**
 * Refuses the two things that are JSON but no jsonb: a NUL, half a surrogate pair. Found here, they
 * do not cost the caller a transaction. Not by parsing: a walk through the values would overflow
 * the stack at depths that PostgreSQL takes.
 * @throws PAYLOAD_INVALID
 */
export function assertStorableJson(json: string): void {
  if (!json.isWellFormed()) throw unstorable('The payload has half a surrogate pair.', JSON_HINT);
  if (!json.includes('\\u')) return;
  for (const { 0: found, 1: unstorableUnit, index } of json.matchAll(ESCAPES)) {
    if (unstorableUnit === undefined) continue;
    throw unstorable(`The payload has ${found} at character ${index} of its JSON.`, JSON_HINT);
  }
}

/** A whole surrogate pair, or what cannot be stored alone (captured), or any other escape. */
const ESCAPES = /\\(?:ud[89ab][\da-f]{2}\\ud[c-f][\da-f]{2}|u(0000|d[89a-f][\da-f]{2})|.)/gi;

/** @throws PAYLOAD_INVALID */
export function assertStorableKey(key: unknown): asserts key is string | null {
  if (key === null) return;
  if (typeof key !== 'string') {
    throw payloadInvalid(`The key is a ${typeof key}.`, {
      why: 'A key is text.',
      hint: 'Write it as a string, such as `order-17`.',
    });
  }
  if (!key.includes('\0') && key.isWellFormed()) return;
  throw unstorable(`The key is ${JSON.stringify(key.slice(0, 80))}.`, 'Choose a plainer key.');
}

const JSON_HINT =
  'Send what JSON can hold: objects, arrays, strings, numbers, true, false and null.';

function unstorable(what: string, hint: string): PgwatchError {
  const why = 'PostgreSQL stores neither \\u0000 nor half a surrogate pair.';
  return payloadInvalid(what, { why, hint });
}

function payloadInvalid(what: string, parts: Omit<ErrorParts, 'what'>): PgwatchError {
  return new PgwatchError('PAYLOAD_INVALID', { what, ...parts });
}
