import type { Database } from '../../db/database.ts';

/**
 * How grave a finding is.
 *
 *   problem   notifications are lost, late or not handled, or will be; something has to be done
 *   warning   works today, and will not for ever
 *   note      good to know
 *   ok        looked at, and well
 */
export type Severity = 'problem' | 'warning' | 'note' | 'ok';

export interface Finding {
  /** The check that found it: a short, stable name. */
  readonly check: string;
  readonly severity: Severity;
  /** What was found, with its values. */
  readonly what: string;
  /** Why it matters. */
  readonly why?: string;
  /** SQL statements or commands that mend it, in order. */
  readonly mend?: readonly string[];
}

/** What the checks are given. */
export interface Patient {
  readonly db: Database;
  readonly settings: CheckupSettings;
}

/** What of the configuration the checks go by. */
export interface CheckupSettings {
  readonly wake: 'listen' | 'poll';
  readonly preparedStatements: boolean;
  /** What clean-up keeps. */
  readonly cleanupDays: number;
  /** From then on a transaction is one that was forgotten, or a bulk load. */
  readonly longTransactionSeconds: number;
  /** The ids of the project's consumers; undefined: nobody knows. */
  readonly consumers: readonly string[] | undefined;
}

/** Looks at one thing. What it throws is reported as a check that could not be made. */
export type Check = (patient: Patient) => Promise<readonly Finding[]>;
