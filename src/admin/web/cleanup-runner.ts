import type { Database } from '../../db/database.ts';
import { PgwatchError } from '../../errors.ts';
import { type CleanupResult, cleanupOldNotifications } from '../../log/prune.ts';
import type { Logger } from '../../logger.ts';

/** What is to be deleted; see CleanupOptions. */
export interface CleanupChoice {
  readonly days: number;
  readonly includeUnprocessed: boolean;
  readonly includeDead: boolean;
}

/** A clean-up that runs, or the last one that ran. */
export interface CleanupRun {
  readonly state: 'running' | 'done' | 'stopped' | 'failed';
  readonly choice: CleanupChoice;
  readonly who: string;
  readonly began: Date;
  readonly ended: Date | undefined;
  /** How much of the old part of the log has been looked at, 0 to 1, about. */
  readonly share: number;
  readonly soFar: CleanupResult | undefined;
}

export interface CleanupPreview {
  readonly result: CleanupResult;
  /** Below 1: there was not time to look at everything. */
  readonly share: number;
}

/** Cleans up beside the pages, one clean-up at a time; it ends with the server. */
export class CleanupRunner {
  readonly #db: Database;
  readonly #logger: Logger;
  readonly #ended: AbortSignal;
  #run: CleanupRun | undefined;
  #stop = new AbortController();

  /** @param ended aborts when the server closes */
  constructor(db: Database, logger: Logger, ended: AbortSignal) {
    this.#db = db;
    this.#logger = logger;
    this.#ended = ended;
  }

  get run(): CleanupRun | undefined {
    return this.#run;
  }

  get isRunning(): boolean {
    return this.#run?.state === 'running';
  }

  /** Counts what would be deleted, as far as it comes in the time. @throws USAGE for bad days */
  async preview(choice: CleanupChoice, withinMs: number): Promise<CleanupPreview> {
    const signal = AbortSignal.timeout(withinMs);
    let share = 0;
    const result = await cleanupOldNotifications(this.#db.pool, {
      ...choice,
      schema: this.#db.names.schema,
      dryRun: true,
      signal,
      onProgress: (progress) => {
        share = progress.share;
      },
    });
    return { result, share: signal.aborted ? share : 1 };
  }

  /** @returns false: one is running already */
  start(choice: CleanupChoice, who: string): boolean {
    if (this.isRunning) return false;
    this.#stop = new AbortController();
    this.#run = {
      state: 'running',
      choice,
      who,
      began: new Date(),
      ended: undefined,
      share: 0,
      soFar: undefined,
    };
    void this.#clean(choice, AbortSignal.any([this.#stop.signal, this.#ended]));
    return true;
  }

  /** After the transaction it is in. */
  stop(): void {
    this.#stop.abort();
  }

  async #clean(choice: CleanupChoice, signal: AbortSignal): Promise<void> {
    try {
      const soFar = await cleanupOldNotifications(this.#db.pool, {
        ...choice,
        schema: this.#db.names.schema,
        signal,
        onProgress: ({ share, soFar: before }) => this.#note({ share, soFar: before }),
      });
      const state = signal.aborted ? 'stopped' : 'done';
      this.#note({ state, soFar, ended: new Date(), ...(signal.aborted ? {} : { share: 1 }) });
      this.#logger.info(
        { ...choice, deleted: soFar.deleted, kept: soFar.kept },
        `clean-up ${state}`,
      );
    } catch (err) {
      this.#note({ state: 'failed', ended: new Date() });
      const level = err instanceof PgwatchError ? 'warn' : 'error';
      this.#logger[level]({ err }, 'clean-up failed');
    }
  }

  #note(change: Partial<CleanupRun>): void {
    if (this.#run !== undefined) this.#run = { ...this.#run, ...change };
  }
}
