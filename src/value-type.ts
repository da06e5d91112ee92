/** What kind of thing a value is, for a message that must show nothing of it: it may be a secret. */
export function describeType(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return 'an array';
  if (value instanceof Promise) return 'a promise (await it)';
  const type = typeof value;
  return type === 'object' ? 'an object' : `a ${type}`;
}
