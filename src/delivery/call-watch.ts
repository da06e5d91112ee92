import type { Notification } from '../log/notification.ts';

/** A call of a handler: of `handle` with one notification, or of `handleBatch` with some. */
export interface HandlerCall {
  /** The consumer's id. */
  readonly consumer: string;
  readonly notifications: readonly Notification[];
  readonly isBatch: boolean;
}

/**
 * Stands around each call of a handler, to measure or trace it. It makes the call, at once, and gives
 * back what that gives: a value, a native promise, or what it throws.
 */
export type CallWatch = (call: HandlerCall, make: () => unknown) => unknown;

/** Several around each other, the first outside. Undefined: there are none. */
export function watchAll(watches: readonly CallWatch[]): CallWatch | undefined {
  const [outer, ...rest] = watches;
  const inner = rest.length === 0 ? undefined : watchAll(rest);
  if (outer === undefined || inner === undefined) return outer;
  return (call, make) => outer(call, () => inner(call, make));
}
