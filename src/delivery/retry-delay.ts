import type { RetryPolicy } from '../consumer/retry-policy.ts';

/**
 * Seconds to wait after this many failed attempts: exponential, at most `maxDelaySeconds`, and
 * spread by ±`jitter` so that what failed together does not come back together.
 * @param random in [0, 1)
 */
export function retryDelaySeconds(policy: RetryPolicy, attempts: number, random: number): number {
  // Not Infinity, which 0 seconds times it would turn into no number at all.
  const growth = Math.min(policy.factor ** (attempts - 1), Number.MAX_VALUE);
  const exact = Math.min(policy.maxDelaySeconds, policy.minDelaySeconds * growth);
  return Math.min(policy.maxDelaySeconds, exact * (1 + policy.jitter * (2 * random - 1)));
}
