import type { ResolvedConfig } from '../../config/resolved-config.ts';
import type { Database } from '../../db/database.ts';
import type { Logger } from '../../logger.ts';
import { CleanupRunner } from './cleanup-runner.ts';
import type { Credentials } from './credentials.ts';
import { FailureLimit } from './failure-limit.ts';
import { FormTokens } from './form-tokens.ts';
import { Notices } from './notices.ts';
import { Redaction } from './redaction.ts';
import { Sessions } from './sessions.ts';
import { StatusWatch } from './status-watch.ts';

interface SiteOptions {
  readonly db: Database;
  readonly config: ResolvedConfig;
  readonly logger: Logger;
  readonly credentials: Credentials;
}

/** What all requests to one server share. */
export class Site {
  readonly db: Database;
  readonly config: ResolvedConfig;
  readonly logger: Logger;
  /** For who did what: also where only warnings are logged. */
  readonly auditLog: Logger;
  readonly credentials: Credentials;
  readonly redaction: Redaction;
  readonly sessions = new Sessions();
  readonly formTokens = new FormTokens();
  readonly failures = new FailureLimit();
  readonly notices = new Notices();
  readonly watch: StatusWatch;
  readonly cleanup: CleanupRunner;

  constructor({ db, config, logger, credentials }: SiteOptions) {
    this.db = db;
    this.config = config;
    this.logger = logger;
    this.auditLog = logger.level === 'silent' ? logger : logger.child({}, { level: 'info' });
    this.credentials = credentials;
    this.redaction = new Redaction(config.redact);
    this.watch = new StatusWatch(db, logger);
    this.cleanup = new CleanupRunner(db, logger, this.watch.ended);
  }
}
