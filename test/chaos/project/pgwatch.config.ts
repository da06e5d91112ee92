import { defineConfig } from 'pgwatch';

/** Everything quick, so that minutes of chaos hold many take-overs and retries. */
export default defineConfig({
  consumers: 'consumers/*.ts',
  leaseSeconds: 3,
  reconnectDelaySeconds: 1,
  queryTimeoutSeconds: 5,
  shutdownTimeoutSeconds: 10,
  // No safety net: whatever is handled was rung for.
  timeoutSeconds: 86_400,
  retry: { maxAttempts: 20, minDelaySeconds: 0.2, maxDelaySeconds: 2, factor: 2, jitter: 0.2 },
});
