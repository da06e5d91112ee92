/**
 * What says that a value of a user's module is a consumer. A symbol of the global registry, because
 * the module may have imported another copy of this package, where `instanceof` fails.
 */
export const CONSUMER_BRAND: unique symbol = Symbol.for('pgwatch.consumer');

/**
 * `class`: BaseConsumer or a class that extends it, `instance`: of such a class, `definition`: what
 * defineConsumer returned.
 */
export type ConsumerBrand = 'class' | 'instance' | 'definition';

/** The brand of any value that a module may export; an object that throws when read has none. */
export function brandOf(value: unknown): unknown {
  if (typeof value !== 'function' && (typeof value !== 'object' || value === null)) {
    return undefined;
  }
  try {
    return Reflect.get(value, CONSUMER_BRAND);
  } catch {
    return undefined;
  }
}
