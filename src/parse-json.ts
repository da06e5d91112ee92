import { randomBytes } from 'node:crypto';
import { compareNumber } from 'lossless-json';

/** What a JSON text can hold. A bigint stands where a number would have been rounded. */
export type JsonValue = null | boolean | number | bigint | string | JsonValue[] | JsonObject;

export interface JsonObject {
  [key: string]: JsonValue;
}

/**
 * `JSON.parse` without silent rounding. An integer beyond ±(2^53 - 1) becomes a bigint; a decimal
 * that no double holds exactly, as 12345678.123456789012, or that is too large or too small for
 * one, becomes a string with the digits as they were written; every other number is a number.
 * Everything else is what `JSON.parse` makes of it: of a key that comes twice the last value
 * counts, `__proto__` is an ordinary key, and no depth is too deep.
 *
 * A text in which nothing can be lost costs one scan more than `JSON.parse`.
 *
 * @throws {SyntaxError} when the text is not JSON
 */
export function parseJson(text: string): JsonValue {
  const rounded: JsonValue = JSON.parse(text);
  return MAY_ROUND.test(text) ? parseExactly(text) : rounded;
}

/**
 * A number of 16 or more digits and points, or one with an exponent. Fifteen digits always survive
 * a double. Inside a string it may match in vain, which costs time only; the character in front
 * keeps it from matching in most strings, as in `"3e5f0000-…"`.
 */
const MAY_ROUND = /(?:^|[\s:,[])-?\d(?:[\d.]{15}|[\d.]*[eE])/;

/** Applied between strings only, where nothing but numbers has digits. */
const LONG_NUMBER = /-?\d[\d.eE+-]{15,}|-?\d[\d.]*[eE][\d+-]+/g;

/**
 * Hides the numbers that a double would change in strings, lets `JSON.parse` do its work, and puts
 * them back. A parser in JavaScript is 7 times slower on large texts, and a recursive one fails
 * below 5,000 levels, where PostgreSQL stores more.
 *
 * @param text valid JSON
 */
function parseExactly(text: string): JsonValue {
  // Nobody can have written this into the text: it did not exist before.
  const mark = randomBytes(12).toString('base64');
  const root: JsonValue[] = [JSON.parse(hideNumbers(text, mark))];
  const open: (JsonObject | JsonValue[])[] = [root];
  for (let parent = open.pop(); parent !== undefined; parent = open.pop()) {
    for (const [key, value] of Object.entries(parent)) {
      if (typeof value === 'object') {
        if (value !== null) open.push(value);
      } else if (typeof value === 'string' && value.startsWith(mark)) {
        Object.defineProperty(parent, key, { value: exactNumber(value.slice(mark.length)) });
      }
    }
  }
  return root[0] ?? null;
}

function hideNumbers(text: string, mark: string): string {
  const hide = (digits: string): string =>
    typeof exactNumber(digits) === 'number' ? digits : `"${mark}${digits}"`;
  let hidden = '';
  for (let from = 0; ; ) {
    const quote = text.indexOf('"', from);
    const between = quote < 0 ? text.slice(from) : text.slice(from, quote);
    hidden += between.replace(LONG_NUMBER, hide);
    if (quote < 0) return hidden;
    from = endOfString(text, quote);
    hidden += text.slice(quote, from);
  }
}

/** Behind the closing quote. Not a regular expression: those overflow on millions of escapes. */
function endOfString(text: string, quote: number): number {
  for (let end = text.indexOf('"', quote + 1); ; end = text.indexOf('"', end + 1)) {
    let backslash = end;
    while (text[backslash - 1] === '\\') backslash -= 1;
    if ((end - backslash) % 2 === 0) return end + 1;
  }
}

function exactNumber(digits: string): number | bigint | string {
  const double = Number(digits);
  if (/^-?\d+$/.test(digits)) return Number.isSafeInteger(double) ? double : BigInt(digits);
  return Number.isFinite(double) && compareNumber(String(double), digits) === 0 ? double : digits;
}
