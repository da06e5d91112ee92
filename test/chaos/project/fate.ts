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
    failures: draw(1) < 1 / 250 ? 1 + Math.floor(draw(2) * 3) : 0,
    condemned: draw(3) < 1 / 20_000,
    slowMs: draw(4) < 1 / 1_000 ? 10 + Math.floor(draw(5) * 150) : 0,
  };
}

/** Spreads 32 bits. Source: https://nullprogram.com/blog/2018/07/31/ (lowbias32) */
function mix(bits: number): number {
  let mixed = bits >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x7feb352d);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
