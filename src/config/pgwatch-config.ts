import type { LogFormat, LogLevel } from '../log-level.ts';

/**
 * What a configuration file gives; everything is optional. Where an environment variable or a flag
 * sets the same, the flag comes first, then the variable, then this file, then the default.
 */
export interface PgwatchConfig {
  /**
   * A PostgreSQL URL (`postgres://user:password@host:5432/database`), or `'embedded'` for a server
   * that pgwatch runs itself and keeps in `.pgwatch/`. No default. `PGWATCH_DATABASE_URL` or else
   * `DATABASE_URL` takes precedence, so a file in version control needs no password.
   */
  readonly database?: 'embedded' | (string & {}) | undefined;
  /**
   * A PostgreSQL URL for what needs a session of its own (LISTEN, migrations), when `database` goes
   * through a pooler in transaction mode: a direct connection to the same database. Default:
   * `database`.
   */
  readonly listenUrl?: string | undefined;
  /**
   * Whether statements are prepared under a name, which poolers older than PgBouncer 1.21 do not
   * know in transaction mode. Default: true; false with `listenUrl` or `wake: 'poll'`.
   */
  readonly preparedStatements?: boolean | undefined;
  /**
   * `'listen'`: consumers are woken within milliseconds. `'poll'`: pgwatch looks every `pollSeconds`
   * instead, for where LISTEN is not possible. Default `'listen'`.
   */
  readonly wake?: Wake | undefined;
  /** Seconds between two looks with `wake: 'poll'`, 0.05 to 3,600. Default 1. */
  readonly pollSeconds?: number | undefined;
  /**
   * The schema of pgwatch's own tables, also the NOTIFY channel of its doorbell: 1 to 63 bytes.
   * Several installations in one database differ in it. Default `'pgwatch'`.
   */
  readonly schema?: string | undefined;
  /** The schema of `smart_notify()` and `notify_data_change()`. Default `'public'`. */
  readonly functionsSchema?: string | undefined;
  /**
   * Where the consumers are: globs, or globs by app name, relative to the configuration file's
   * folder. Of plain globs, the app is the first folder below a glob's fixed part. Declarations
   * (`*.d.ts`) and tests (`*.test.*`, `*.spec.*`) are left out. Default
   * `'consumers/**\/*.{ts,mts,js,mjs}'`.
   */
  readonly consumers?: string | readonly string[] | ConsumersByApp | undefined;
  /**
   * The folder of the project's own migrations, relative to the configuration file's folder. No
   * default: without it, `pgwatch migrate` installs pgwatch's own only.
   */
  readonly migrations?: string | undefined;
  /** The least severe level that is logged; `'silent'` logs nothing. Default `'info'`. */
  readonly logLevel?: LogLevel | undefined;
  /** Default: `'pretty'` when standard error is a terminal, else `'json'`. */
  readonly logFormat?: LogFormat | undefined;
  /** Seconds after which a consumer looks for notifications though nobody rang. Default 30. */
  readonly timeoutSeconds?: number | undefined;
  /**
   * Notifications that a consumer takes up at once, 1 to 10,000. Default 100. A read of the log brings
   * up to ten times as many, at most 1,000 or this.
   */
  readonly maxBatchSize?: number | undefined;
  /**
   * Bytes of payload that a consumer fetches at once; a single notification that is larger comes
   * alone. 1 KiB to 1 GiB. Default 16 MiB.
   */
  readonly maxBatchBytes?: number | undefined;
  /** The longest pause between two attempts to reconnect, in seconds; they begin at 0.1 s and double. Default 5. */
  readonly reconnectDelaySeconds?: number | undefined;
  /**
   * Seconds of silence after which a connection is given up while the server owes an answer, 1 to
   * 3,600; unless the server, asked over another connection, is still at work on it. Default 30.
   */
  readonly queryTimeoutSeconds?: number | undefined;
  /** Seconds that running handlers get to finish in at shutdown; 0 aborts at once. Default 30. */
  readonly shutdownTimeoutSeconds?: number | undefined;
  /** Seconds after which another process takes over from one that crashed. Default 15. */
  readonly leaseSeconds?: number | undefined;
  /** Seconds after which a handler is aborted; the notification is tried again. Default: never. */
  readonly handlerTimeoutSeconds?: number | undefined;
  /** Whether `listen` lets the cursor jump to now instead of playing back. Default false. */
  readonly skipPlayback?: boolean | undefined;
  /** How a notification whose handler threw is tried again; a consumer may have its own. */
  readonly retry?: RetryConfig | undefined;
  readonly cleanup?: CleanupConfig | undefined;
  /** Where the admin page is, and how it is reached. Its credentials are in the environment only. */
  readonly admin?: AdminConfig | undefined;
  /**
   * What the admin page never shows: columns, by their names, wherever they are in a payload, and
   * fields of payloads, by their paths (`new_data.card.number`; `*` is any name). Default: nothing.
   */
  readonly redact?: readonly string[] | undefined;
  /** Connections of one process at the most, 1 to 1,000; LISTEN takes one more. Default 10. */
  readonly poolSize?: number | undefined;
  /**
   * Where `listen` answers /metrics, /healthz and /readyz: `'0.0.0.0:9464'`, or a port alone, or true for
   * `127.0.0.1:9464`. Anybody who reaches it may read it. Default false: nowhere.
   */
  readonly metrics?: string | boolean | undefined;
}

export const WAKES = ['listen', 'poll'] as const;
export type Wake = (typeof WAKES)[number];

export type ConsumersByApp = { readonly [app: string]: string | readonly string[] };

export interface RetryConfig {
  /** Attempts in all, the first included; then it is dead-lettered. 1 means none. Default 20. */
  readonly maxAttempts?: number | undefined;
  /** Seconds to wait after the first failure. Default 1. */
  readonly minDelaySeconds?: number | undefined;
  /** Seconds to wait at the most. Default 21,600 (6 hours). */
  readonly maxDelaySeconds?: number | undefined;
  /** What each further wait is multiplied by, 1 to 100. Default 2. */
  readonly factor?: number | undefined;
  /** The share of a wait that is left to chance, 0 to 1. Default 0.2. */
  readonly jitter?: number | undefined;
}

export interface CleanupConfig {
  /** Days after which `pgwatch cleanup` deletes a notification; fractions count. Default 7. */
  readonly days?: number | undefined;
}

export interface AdminConfig {
  /** The address to listen at. One that others can reach needs credentials. Default `'127.0.0.1'`. */
  readonly host?: string | undefined;
  /** 0 to 65,535; 0 takes any that is free. Default 7432. */
  readonly port?: number | undefined;
  /** The path under which a proxy shows the page, such as `/pgwatch`. Default: none. */
  readonly prefix?: string | undefined;
  /**
   * Whether to believe the header X-Forwarded-Prefix. Only where a proxy sets or removes it. Default
   * false.
   */
  readonly trustForwardedPrefix?: boolean | undefined;
  /**
   * Whether to believe the last address in the header X-Forwarded-For: it is then logged, and made to
   * wait when it shows wrong credentials. Only where a proxy sets or extends it. Default false.
   */
  readonly trustForwardedFor?: boolean | undefined;
  /**
   * The names under which the page may be asked for, besides `localhost` and addresses: a list, or a
   * text with commas. Default: none.
   */
  readonly allowedHosts?: string | readonly string[] | undefined;
}

/** Gives an object literal the type of the configuration. Returns it unchanged. */
export function defineConfig(config: PgwatchConfig): PgwatchConfig {
  return config;
}
