import type { ListenAddress } from '../listen-address.ts';
import type { LogFormat, LogLevel } from '../log-level.ts';
import type { Wake } from './pgwatch-config.ts';

/** The configuration that everything runs with: flags, environment, file and defaults in one. */
export interface ResolvedConfig {
  /** Absolute: the folder of the configuration file, or else the working directory. */
  readonly root: string;
  /** The configuration file, absolute; undefined when there is none. */
  readonly file: string | undefined;
  readonly database: DatabaseChoice;
  /** Undefined: as the database. */
  readonly listenUrl: string | undefined;
  readonly preparedStatements: boolean;
  readonly wake: Wake;
  readonly pollSeconds: number;
  readonly schema: string;
  readonly functionsSchema: string;
  readonly consumers: ConsumerGlobs;
  /** Absolute; undefined when the project has no migrations of its own. */
  readonly migrations: string | undefined;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  readonly timeoutSeconds: number;
  readonly maxBatchSize: number;
  readonly maxBatchBytes: number;
  readonly reconnectDelaySeconds: number;
  readonly queryTimeoutSeconds: number;
  readonly shutdownTimeoutSeconds: number;
  readonly leaseSeconds: number;
  /** Undefined: handlers may take as long as they want. */
  readonly handlerTimeoutSeconds: number | undefined;
  readonly skipPlayback: boolean;
  readonly retry: ResolvedRetry;
  readonly cleanup: { readonly days: number };
  readonly admin: ResolvedAdmin;
  readonly redact: readonly string[];
  readonly poolSize: number;
  /** Undefined: metrics are not served. */
  readonly metrics: ListenAddress | undefined;
}

export interface ResolvedAdmin {
  readonly host: string;
  readonly port: number;
  /** Empty: none. */
  readonly prefix: string;
  readonly trustForwardedPrefix: boolean;
  readonly trustForwardedFor: boolean;
  /** In small letters. */
  readonly allowedHosts: readonly string[];
}

/** `none`: nobody named one; a command that needs one says so (DATABASE_MISSING). */
export type DatabaseChoice =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'embedded' }
  | { readonly kind: 'none' };

/** Relative to `root`. `globs`: the app follows from the path; `apps`: it is named. */
export type ConsumerGlobs =
  | { readonly kind: 'globs'; readonly globs: readonly string[] }
  | { readonly kind: 'apps'; readonly apps: Readonly<Record<string, readonly string[]>> };

export interface ResolvedRetry {
  readonly maxAttempts: number;
  readonly minDelaySeconds: number;
  readonly maxDelaySeconds: number;
  readonly factor: number;
  readonly jitter: number;
}
