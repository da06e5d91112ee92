import type { ResolvedConfig } from '../../src/config/resolved-config.ts';

/**
 * The configuration of daemons in tests: no fallback fetch, so that whatever is handled was rung
 * for, and quick retries.
 */
export function resolveForTest(changes: Partial<ResolvedConfig> = {}): ResolvedConfig {
  return {
    root: process.cwd(),
    file: undefined,
    database: { kind: 'none' },
    listenUrl: undefined,
    preparedStatements: true,
    wake: 'listen',
    pollSeconds: 1,
    schema: 'pgwatch',
    functionsSchema: 'public',
    consumers: { kind: 'globs', globs: [] },
    migrations: undefined,
    logLevel: 'silent',
    logFormat: 'json',
    timeoutSeconds: 86_400,
    maxBatchSize: 100,
    maxBatchBytes: 16 * 1024 * 1024,
    reconnectDelaySeconds: 0.5,
    queryTimeoutSeconds: 30,
    shutdownTimeoutSeconds: 5,
    leaseSeconds: 15,
    handlerTimeoutSeconds: undefined,
    skipPlayback: false,
    retry: { maxAttempts: 3, minDelaySeconds: 0.05, maxDelaySeconds: 0.2, factor: 2, jitter: 0 },
    cleanup: { days: 7 },
    admin: {
      host: '127.0.0.1',
      port: 0,
      prefix: '',
      trustForwardedPrefix: false,
      trustForwardedFor: false,
      allowedHosts: [],
    },
    redact: [],
    poolSize: 10,
    metrics: undefined,
    ...changes,
  };
}
