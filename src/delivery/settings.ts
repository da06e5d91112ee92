import type { RetryPolicy } from '../consumer/retry-policy.ts';
import type { FetchLimits } from '../log/fetch-limits.ts';

export interface DeliverySettings {
  /** How many notifications are taken up at once. */
  readonly batchSize: number;
  /** Of one read of the log: what will be taken up next is fetched ahead. */
  readonly limits: FetchLimits;
  readonly retry: RetryPolicy;
  readonly handlerTimeoutSeconds: number | undefined;
  readonly fallbackSeconds: number;
  readonly leaseSeconds: number;
  readonly reconnectDelaySeconds: number;
  readonly skipPlayback: boolean;
  readonly once: boolean;
}
