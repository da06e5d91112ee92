import type { RetryPolicy } from '../consumer/retry-policy.ts';
import type { FetchLimits } from '../log/fetch-fresh.ts';

export interface DeliverySettings {
  readonly limits: FetchLimits;
  readonly retry: RetryPolicy;
  readonly handlerTimeoutSeconds: number | undefined;
  readonly fallbackSeconds: number;
  readonly leaseSeconds: number;
  readonly reconnectDelaySeconds: number;
  readonly skipPlayback: boolean;
  readonly once: boolean;
}
