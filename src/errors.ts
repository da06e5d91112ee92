/**
 * Every error pgwatch raises on purpose: a stable code to branch on, what was found, why it is
 * wrong and what to do. The texts may change; the codes do not. All of them are in docs/errors.md,
 * and a test fails when one is missing there.
 */

/** What was wrong: decides the process's exit code (see docs/commands.md). */
export type ErrorKind = 'usage' | 'failure';

export const ERROR_KINDS = {
  // configuration and command line
  CONFIG_NOT_FOUND: 'usage',
  CONFIG_UNREADABLE: 'usage',
  CONFIG_INVALID: 'usage',
  DATABASE_MISSING: 'usage',
  DATABASE_URL_INVALID: 'usage',
  USAGE: 'usage',
  ADDRESS_UNAVAILABLE: 'failure',
  // consumers
  CONSUMER_ID_MISSING: 'usage',
  CONSUMER_INVALID: 'usage',
  CONSUMER_DUPLICATE: 'usage',
  CONSUMER_UNKNOWN: 'usage',
  APP_UNKNOWN: 'usage',
  CONSUMERS_NONE: 'usage',
  CONSUMER_RUNNING: 'failure',
  CONSUMER_LOAD_FAILED: 'failure',
  // names and payloads
  CHANNEL_INVALID: 'usage',
  PAYLOAD_INVALID: 'usage',
  TABLE_NOT_FOUND: 'usage',
  TABLE_NOT_CAPTURABLE: 'usage',
  // database and schema
  DATABASE_UNREACHABLE: 'failure',
  DATABASE_STANDBY: 'failure',
  DATABASE_VERSION_UNSUPPORTED: 'failure',
  LISTEN_UNHEARD: 'failure',
  SCHEMA_MISSING: 'failure',
  SCHEMA_OUTDATED: 'failure',
  SCHEMA_NEWER: 'failure',
  FUNCTIONS_SCHEMA_MISSING: 'failure',
  FUNCTIONS_TAKEN: 'failure',
  CLUSTER_CHANGED: 'failure',
  DAEMON_RUNNING: 'failure',
  RIGHTS_MISSING: 'failure',
  ROLE_UNKNOWN: 'usage',
  MIGRATION_INVALID: 'usage',
  MIGRATION_UNKNOWN: 'usage',
  MIGRATION_OUT_OF_ORDER: 'usage',
  MIGRATION_FAILED: 'failure',
  // the admin page
  ADMIN_CREDENTIALS: 'usage',
  // the embedded server
  EMBEDDED_NOT_INSTALLED: 'usage',
  EMBEDDED_START_FAILED: 'failure',
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERROR_KINDS;

export interface ErrorParts {
  /** What happened, with the values found. */
  readonly what: string;
  /** Why that is wrong. */
  readonly why?: string;
  /** What to do next. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** A user-facing error. `message` is what and why; `hint` is what to do next. */
export class PgwatchError extends Error {
  override readonly name = 'PgwatchError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, parts: ErrorParts) {
    super(parts.why === undefined ? parts.what : `${parts.what} ${parts.why}`, {
      ...(parts.cause === undefined ? {} : { cause: parts.cause }),
    });
    this.code = code;
    this.hint = parts.hint;
  }

  get kind(): ErrorKind {
    return ERROR_KINDS[this.code];
  }
}
