import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RetryPolicy } from '../../src/consumer/retry-policy.ts';
import { retryDelaySeconds } from '../../src/delivery/retry-delay.ts';

const POLICY: RetryPolicy = {
  maxAttempts: 10,
  minDelaySeconds: 2,
  maxDelaySeconds: 60,
  factor: 3,
  jitter: 0.5,
};
const MIDDLE = 0.5;

describe('the delay of a retry', () => {
  it('begins with the shortest and grows by the factor, up to the longest', () => {
    const delays = [1, 2, 3, 4, 5, 1000].map((n) => retryDelaySeconds(POLICY, n, MIDDLE));
    expect(delays).toEqual([2, 6, 18, 54, 60, 60]);
  });

  it('is spread to both sides by the jitter', () => {
    expect(retryDelaySeconds(POLICY, 2, 0)).toBe(3);
    expect(retryDelaySeconds(POLICY, 2, 0.75)).toBe(7.5);
  });

  it('is exact without jitter', () => {
    const exact = { ...POLICY, jitter: 0 };
    expect([0, 0.3, 0.999].map((random) => retryDelaySeconds(exact, 3, random))).toEqual([
      18, 18, 18,
    ]);
  });

  it('stays the same with a factor of 1', () => {
    const constant = { ...POLICY, factor: 1 };
    expect(retryDelaySeconds(constant, 500, MIDDLE)).toBe(2);
  });

  it('may be none at all', () => {
    expect(retryDelaySeconds({ ...POLICY, minDelaySeconds: 0 }, 9, 0.9)).toBe(0);
  });

  it('is a number of seconds from 0 to the longest, whatever the policy and the chance', () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    const seconds = fc.double({ min: 0, max: 24 * 86_400, noNaN: true });
    const policies = fc.record({
      maxAttempts: fc.constant(1_000_000),
      minDelaySeconds: seconds,
      maxDelaySeconds: seconds,
      factor: fc.double({ min: 1, max: 100, noNaN: true }),
      jitter: share,
    });
    const attempts = fc.integer({ min: 1, max: 1_000_000 });
    const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(policies, attempts, chance, (policy, made, random) => {
        const delay = retryDelaySeconds(policy, made, random);
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(policy.maxDelaySeconds);
      }),
    );
  });
});
