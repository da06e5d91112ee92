import type { ListenAddress } from '../listen-address.ts';
import type { PgwatchConfig } from './pgwatch-config.ts';

export const DEFAULTS = {
  schema: 'pgwatch',
  functionsSchema: 'public',
  wake: 'listen',
  pollSeconds: 1,
  consumers: ['consumers/**/*.{ts,mts,js,mjs}'],
  logLevel: 'info',
  timeoutSeconds: 30,
  maxBatchSize: 100,
  maxBatchBytes: 16 * 1024 * 1024,
  reconnectDelaySeconds: 5,
  queryTimeoutSeconds: 30,
  shutdownTimeoutSeconds: 30,
  leaseSeconds: 15,
  skipPlayback: false,
  retry: { maxAttempts: 20, minDelaySeconds: 1, maxDelaySeconds: 21_600, factor: 2, jitter: 0.2 },
  cleanup: { days: 7 },
  admin: { host: '127.0.0.1', port: 7432, trustForwardedPrefix: false, trustForwardedFor: false },
  poolSize: 10,
} as const satisfies PgwatchConfig;

/** Where metrics are served when they are to be, and it is not said where. */
export const METRICS_ADDRESS: ListenAddress = { host: '127.0.0.1', port: 9464 };

/** What the globs of `consumers` never find, whatever they say. */
export const NEVER_CONSUMERS: readonly string[] = [
  '**/node_modules/**',
  '**/*.d.{ts,mts,cts}',
  '**/*.{test,spec}.*',
];
