import { setTimeout as delay } from 'node:timers/promises';
import { type Notification, PermanentError } from 'pgwatch';

/** What the seed has in store for a notification, wherever and however often it is handled. */
export interface Fate {
  /** So many attempts fail. */
  readonly failures: number;
  /** No attempt will ever succeed: a dead letter. */
  readonly condemned: boolean;
  /** How long its handler takes. */
  readonly slowMs: number;
}

export function fateOf(seed: number, notificationId: number): Fate {
  const draw = (salt: number) => mix(mix(seed ^ salt) ^ notificationId) / 2 ** 32;
  return {
    failures: draw(1) < 1 / 500 ? 1 + Math.floor(draw(2) * 3) : 0,
    condemned: draw(3) < 1 / 20_000,
    slowMs: draw(4) < 1 / 2_000 ? 10 + Math.floor(draw(5) * 150) : 0,
  };
}

/**
 * Lets fate have its way with an attempt: returns when it is to succeed.
 * @throws when it is to fail
 */
export async function sufferFate(seed: number, notification: Notification): Promise<void> {
  const { notificationLogId, attempt } = notification;
  const { failures, condemned, slowMs } = fateOf(seed, notificationLogId);
  if (slowMs > 0) await delay(slowMs);
  if (condemned) throw new PermanentError('condemned by the seed');
  if (attempt <= failures) throw new Error('to fail by the seed');
}

/** Spreads 32 bits. Source: https://nullprogram.com/blog/2018/07/31/ (lowbias32) */
function mix(bits: number): number {
  let mixed = bits >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x7feb352d);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
