import { type ControlledTransaction, Kysely, PostgresDialect } from 'kysely';
import type { PoolClient } from 'pg';
import { abandonable } from '../abandonable.ts';
import type { AnyTables } from '../consumer/consumer.ts';
import type { CursorKeeper } from '../cursor/cursor-keeper.ts';
import { type CursorHold, writeCursor } from '../cursor/cursor-store.ts';
import type { Progress } from '../cursor/progress.ts';
import type { Database } from '../db/database.ts';
import { codeOf, SQLSTATE, wasRefused } from '../db/sqlstate.ts';
import { pause } from '../lifecycle/pause.ts';
import type { Notification } from '../log/notification.ts';
import { type Attempts, notificationOf } from './attempts.ts';
import { type Execution, execute } from './execute.ts';
import { type Outcome, outcomeOfFailure, UNREADABLE } from './outcome.ts';
import { ANSWER_WITHIN_MS, type Patience } from './patience.ts';
import type { Redeliveries } from './redelivery/redeliveries.ts';
import { RedeliveryStore } from './redelivery/redelivery-store.ts';
import type { Item } from './waiting-items.ts';

/** The server was lost during a commit: whether it took place, only the stored cursor shows. */
export class CommitUnknownError extends Error {
  override readonly name = 'CommitUnknownError';
}

export interface TransactionalAttemptsOptions {
  readonly db: Database;
  readonly execution: Execution;
  readonly hold: CursorHold;
  readonly keeper: CursorKeeper;
  readonly redeliveries: Redeliveries;
  readonly patience: Patience;
  /** The cursor is another process's now. */
  readonly onFenced: () => void;
}

/** What a transaction came to: `fenced` and `refused` have left nothing. */
type Commit =
  | { readonly kind: 'committed' }
  | { readonly kind: 'fenced' }
  | { readonly kind: 'refused'; readonly error: unknown };

const INTERRUPTED: Outcome = { kind: 'interrupted' };

/** A handler that was given up may keep its connection busy; then that is closed. */
const ROLLBACK_WITHIN_MS = 1_000;

/**
 * Calls the handler with a transaction in which the cursor moves (or the redelivery goes), too: what
 * it writes there and that it was handled are one, so it is exactly once. Whoever was replaced in the
 * meantime cannot commit, because the cursor's row then has another epoch.
 *
 * One notification at a time: a failure rolls back that one alone.
 */
export class TransactionalAttempts implements Attempts {
  /** The attempt itself moves the cursor; and a crash repeats nothing that this could spare. */
  readonly mayBePassed = false;
  readonly makeAtOnce = undefined;
  readonly #options: TransactionalAttemptsOptions;

  constructor(options: TransactionalAttemptsOptions) {
    this.#options = options;
  }

  async make(items: readonly Item[], progress: Progress): Promise<readonly Outcome[]> {
    const { patience, execution } = this.#options;
    const { signal } = execution.context;
    const outcomes: Outcome[] = [];
    for (const item of items) {
      // Not to be repeated: it may have taken place.
      const outcome = await patience.untilEnded(() =>
        abandonable(this.#attempt(item, progress), signal, ANSWER_WITHIN_MS).catch(
          (error: unknown) => {
            if (error instanceof CommitUnknownError) return error;
            // Left behind: at a stop, or because another process has taken over.
            if (signal.aborted && error === signal.reason) return INTERRUPTED;
            throw error;
          },
        ),
      );
      if (outcome instanceof CommitUnknownError) throw outcome;
      outcomes.push(outcome);
    }
    return outcomes;
  }

  /** @throws when the connection breaks before the commit: then nothing has happened */
  async #attempt(item: Item, progress: Progress): Promise<Outcome> {
    const notification = notificationOf(item.row, item.attempts, item.isReplay);
    if (notification === undefined) return UNREADABLE;
    const client = await this.#options.db.pool.connect();
    const broken: unknown[] = [];
    const noteBroken = (error: unknown) => void broken.push(error);
    client.on('error', noteBroken);
    let isClean = false;
    try {
      const transaction = await beginOn(client);
      const outcome = await this.#handle(notification, transaction);
      if (outcome.kind === 'handled') {
        const commit = await this.#commit(item, progress, transaction, client);
        isClean = commit.kind === 'committed';
        return this.#outcomeOf(commit, notification);
      }
      isClean = await rolledBack(transaction);
      // That the server went away is no failure of the handler's.
      if (!isClean && broken.length > 0) throw broken[0];
      return outcome;
    } finally {
      client.off('error', noteBroken);
      // A connection that a handler may still be using is given to nobody else.
      client.release(!isClean);
    }
  }

  async #handle(
    notification: Notification,
    transaction: ControlledTransaction<AnyTables>,
  ): Promise<Outcome> {
    const { execution } = this.#options;
    const context = { ...execution.context, transaction };
    const [outcome] = await execute({ ...execution, context }, [notification]);
    return outcome ?? INTERRUPTED;
  }

  #outcomeOf(commit: Commit, { attempt }: Notification): Outcome {
    const { onFenced, execution } = this.#options;
    switch (commit.kind) {
      case 'committed':
        return { kind: 'handled', recorded: true };
      case 'fenced':
        onFenced();
        return INTERRUPTED;
      case 'refused':
        // No fault of the handler's: once there is room again, it is called anew.
        if (codeOf(commit.error) === SQLSTATE.diskFull) throw commit.error;
        // A deferred constraint, or an error that the handler did not pass on.
        return outcomeOfFailure(commit.error, attempt, execution.policy, Date.now(), Math.random());
    }
  }

  /** @throws CommitUnknownError */
  async #commit(
    item: Item,
    progress: Progress,
    transaction: ControlledTransaction<AnyTables>,
    client: PoolClient,
  ): Promise<Commit> {
    const { keeper, redeliveries, db, hold } = this.#options;
    if (item.from === 'redelivery') {
      const store = new RedeliveryStore(client, db.names, hold);
      return redeliveries.resolveBy(item.row, () =>
        commitWith(transaction, async () => (await store.resolve([item.row])).write),
      );
    }
    let commit: Commit = { kind: 'fenced' };
    await keeper.exclusively(async () => {
      const cursor = progress.cursorAfter(item.row.id);
      commit = await commitWith(transaction, () => writeCursor(client, db.names, hold, cursor));
      if (commit.kind !== 'committed') return undefined;
      progress.settle(item.row.id);
      return progress.cursor;
    });
    return commit;
  }
}

/** Notes something in the transaction, under the lease, and commits it. @throws CommitUnknownError */
async function commitWith(
  transaction: ControlledTransaction<AnyTables>,
  note: () => Promise<'written' | 'fenced'>,
): Promise<Commit> {
  try {
    if ((await note()) === 'fenced') {
      await transaction.rollback().execute();
      return { kind: 'fenced' };
    }
    await transaction.commit().execute();
    return { kind: 'committed' };
  } catch (error) {
    if (wasRefused(error)) return { kind: 'refused', error };
    throw new CommitUnknownError('the server was lost during a commit', { cause: error });
  }
}

/** Begins a transaction on a connection that stays ours. */
function beginOn(client: PoolClient): Promise<ControlledTransaction<AnyTables>> {
  const lent = { query: client.query.bind(client), release: () => {} };
  const dialect = new PostgresDialect({
    pool: { connect: async () => lent, end: async () => {} },
  });
  return new Kysely<AnyTables>({ dialect }).startTransaction().execute();
}

/** False: it could not be ended, or not soon. Afterwards the handler can use it no more. */
async function rolledBack(transaction: ControlledTransaction<AnyTables>): Promise<boolean> {
  const patience = new AbortController();
  const rollback = transaction
    .rollback()
    .execute()
    .then(
      () => true,
      () => false,
    );
  const inTime = await Promise.race([
    rollback,
    pause(ROLLBACK_WITHIN_MS, patience.signal).then(() => false),
  ]);
  patience.abort();
  return inTime;
}
