import { stringify } from 'lossless-json';

/**
 * `JSON.stringify` for what a notification holds: a bigint is written as its digits, where
 * `JSON.stringify` throws. To forward a payload as it came, send `notification.json` instead, which
 * costs nothing.
 *
 * @param space as for `JSON.stringify`, and so is the replacer
 * @throws {TypeError} when there is no JSON for the value, as for undefined or a function
 */
export function stringifyJson(
  value: unknown,
  space?: string | number,
  replacer?: (key: string, value: unknown) => unknown,
): string {
  const text = stringify(value, replacer, space);
  if (text === undefined) throw new TypeError(`There is no JSON for ${typeof value}.`);
  return text;
}
