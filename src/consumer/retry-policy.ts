/** How a notification whose handler threw is tried again. */
export interface RetryPolicy {
  /** Attempts in all, the first included; then it is dead-lettered. 1 means no retry. */
  readonly maxAttempts: number;
  /** Wait after the first failure, in seconds. */
  readonly minDelaySeconds: number;
  /** Longest wait, in seconds. */
  readonly maxDelaySeconds: number;
  /** What each further wait is multiplied by; 1 keeps it constant. */
  readonly factor: number;
  /** The share of the wait that is left to chance, 0 to 1. */
  readonly jitter: number;
}
