import { PgwatchError } from '../errors.ts';
import { brandOf, propertyOf } from './brand.ts';

/**
 * Whether somebody clearly meant this export to be a consumer, and left out what makes it one. To
 * pass it over would lose its notifications without a word. `id` and `handle` are common words, so
 * they count in a plain object only; `consumerId` and `handleNotification` are ours.
 */
export function isLookalike(value: unknown): value is object {
  if (brandOf(value) !== undefined) return false;
  if (typeof value === 'function') return isLikeClass(value);
  return typeof value === 'object' && value !== null && isLikeObject(value);
}

/** The id that it would have; undefined when it says none. */
export function idOfLookalike(value: object): string | undefined {
  const ids = [propertyOf(value, 'consumerId'), propertyOf(value, 'id')];
  return ids.find((id) => typeof id === 'string');
}

/** The class that it is, or is an instance of, when it was meant to extend BaseConsumer. */
export function classOfLookalike(value: object): { readonly name: string } | undefined {
  const constructed = typeof value === 'function' ? value : propertyOf(value, 'constructor');
  return isLikeClass(constructed) ? constructed : undefined;
}

/** What is wrong with it, and what to do. `file` is where it is exported. */
export function lookalikeError(value: object, name: string, file: string): PgwatchError {
  const isClass = classOfLookalike(value) !== undefined;
  const fault = isClass ? 'does not extend BaseConsumer' : 'was not made by defineConsumer';
  const remedy = isClass
    ? `Write class ${name} extends BaseConsumer { … }`
    : 'Wrap it in defineConsumer({ id, channels, handle })';
  return new PgwatchError('CONSUMER_INVALID', {
    what: `${name} in ${file} looks like a consumer, but ${fault}.`,
    why: 'Passed over, it would miss its notifications.',
    hint: `${remedy}, imported from pgwatch. If it is no consumer, do not export it.`,
  });
}

function isLikeClass(value: unknown): value is { readonly name: string } {
  if (typeof value !== 'function') return false;
  return (
    typeof propertyOf(value, 'consumerId') === 'string' ||
    typeof propertyOf(propertyOf(value, 'prototype'), 'handleNotification') === 'function'
  );
}

function isLikeObject(value: object): boolean {
  if (idOfLookalike(value) === undefined && classOfLookalike(value) === undefined) return false;
  if (typeof propertyOf(value, 'handleNotification') === 'function') return true;
  const isOurs = isPlain(value) || typeof propertyOf(value, 'consumerId') === 'string';
  return isOurs && typeof propertyOf(value, 'handle') === 'function';
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
