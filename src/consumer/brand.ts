/**
 * What says that a value of a user's module is a consumer. A symbol of the global registry, because
 * the module may have imported another copy of this package, where `instanceof` fails. Its value is
 * `class` for BaseConsumer and what extends it, `instance` for their instances, `definition` for
 * what defineConsumer returned.
 */
export const CONSUMER_BRAND: unique symbol = Symbol.for('pgwatch.consumer');

/** The brand of any value that a module may export. */
export function brandOf(value: unknown): unknown {
  return propertyOf(value, CONSUMER_BRAND);
}

/** A property of any value that a module may export; an object that throws when read has none. */
export function propertyOf(value: unknown, name: PropertyKey): unknown {
  if (typeof value !== 'function' && (typeof value !== 'object' || value === null)) {
    return undefined;
  }
  try {
    return Reflect.get(value, name);
  } catch {
    return undefined;
  }
}
