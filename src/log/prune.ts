import { assertSameCluster } from '../db/clone-guard.ts';
import { type Queryable, query } from '../db/queryable.ts';
import { PgwatchError } from '../errors.ts';
import { assertKnownOptions } from '../known-options.ts';
import { idAtTime, wholeLog } from './id-at-time.ts';
import { type KeptBecause, type KeptCount, pruneBatch } from './prune-batch.ts';

export interface CleanupOptions {
  /** Keep notifications of the last so many days; fractions are fine. Default: 7. */
  readonly days?: number;
  /** Also delete what some consumer has not handled, or is to be given again. Default: false. */
  readonly includeUnprocessed?: boolean;
  /** Also delete dead letters. Default: false. */
  readonly includeDead?: boolean;
  /** Only count. Default: false. */
  readonly dryRun?: boolean;
  /** Where pgwatch's tables are installed. Default: `pgwatch`. */
  readonly schema?: string;
  /** Ends the clean-up after the transaction it is in. */
  readonly signal?: AbortSignal;
  /** Told after each transaction. */
  readonly onProgress?: (progress: CleanupProgress) => void;
}

const OPTIONS = [
  'days',
  'includeUnprocessed',
  'includeDead',
  'dryRun',
  'schema',
  'signal',
  'onProgress',
] as const satisfies readonly (keyof CleanupOptions)[];

export interface CleanupProgress {
  /** How much of the old part of the log has been looked at, 0 to 1, about. */
  readonly share: number;
  readonly soFar: CleanupResult;
}

export interface CleanupResult {
  readonly olderThan: Date;
  /** With `dryRun`: what would have been. */
  readonly deleted: number;
  readonly deletedByChannel: Readonly<Record<string, number>>;
  /** Old notifications that stay because some consumer still wants them. */
  readonly kept: number;
  /** For whom and why; one notification may be kept for several. */
  readonly keptFor: readonly KeptCount[];
}

/** Locks and vacuum notice nothing of a transaction of this size; it takes some ten milliseconds. */
const ROWS_PER_TRANSACTION = 2_000;
/** A thousand years; PostgreSQL's and JavaScript's times go back further, but no log does. */
const MAX_DAYS = 365_000;

/**
 * Deletes old notifications, oldest first, in short transactions; safe beside running consumers.
 * What a registered consumer has not handled stays, and so do retries and dead letters, unless the
 * options say otherwise.
 * @throws USAGE when `days` is no number of 0 or more, or an option does not exist; CLUSTER_CHANGED in
 *   a copy, where cursors do not tell what is handled
 */
export async function cleanupOldNotifications(
  db: Queryable,
  options: CleanupOptions = {},
): Promise<CleanupResult> {
  assertKnownOptions({
    subject: 'cleanupOldNotifications()',
    given: options,
    known: OPTIONS,
    code: 'USAGE',
  });
  const { days = 7, dryRun = false, schema = 'pgwatch', signal, onProgress } = options;
  if (!Number.isFinite(days) || days < 0) {
    throw new PgwatchError('USAGE', {
      what: `The number of days to keep is ${days}.`,
      why: 'It must be 0 or more.',
      hint: 'Give a number of days, such as 7 or 0.5.',
    });
  }
  await assertSameCluster(db, schema);
  const rules = {
    schema,
    olderThan: await serverTimeBefore(db, days),
    heeded: heeded(options),
    dryRun,
  };
  const tally = new Tally(rules.olderThan);
  const shareOf = await progressOver(db, schema, rules.olderThan, onProgress !== undefined);
  for (let afterId = 0; signal?.aborted !== true; ) {
    const batch = await pruneBatch(db, rules, afterId, ROWS_PER_TRANSACTION);
    tally.add(batch.deletedByChannel, batch.kept, batch.keptCount);
    if (batch.lastId === undefined || batch.allNew) break;
    afterId = batch.lastId;
    onProgress?.({ share: shareOf(afterId), soFar: tally.result() });
  }
  return tally.result();
}

/** By the clock that the log's times are from: this machine's may be hours away from it. */
async function serverTimeBefore(db: Queryable, days: number): Promise<Date> {
  const [row] = await query<{ time: Date }>(
    db,
    'select clock_timestamp() - make_interval(secs => $1) as time',
    [Math.min(days, MAX_DAYS) * 86_400],
  );
  if (row === undefined) throw new Error('The server did not tell its time.');
  return row.time;
}

/** @returns how much of the old part lies before an id; asks nothing when nobody wants to know */
async function progressOver(db: Queryable, schema: string, olderThan: Date, wanted: boolean) {
  if (!wanted) return () => 0;
  const whole = await wholeLog(db, schema);
  const { firstId } = whole;
  const lastId = await idAtTime(db, schema, whole, olderThan);
  return (id: number) => Math.min(1, (id - firstId + 1) / Math.max(1, lastId - firstId));
}

function heeded({ includeUnprocessed, includeDead }: CleanupOptions): KeptBecause[] {
  return [
    ...(includeUnprocessed ? [] : (['unhandled', 'retrying'] as const)),
    ...(includeDead ? [] : (['dead'] as const)),
  ];
}

/** Adds up the batches. */
class Tally {
  readonly #olderThan: Date;
  readonly #deletedByChannel = new Map<string, number>();
  readonly #keptFor = new Map<string, KeptCount>();
  #kept = 0;

  constructor(olderThan: Date) {
    this.#olderThan = olderThan;
  }

  add(deleted: Readonly<Record<string, number>>, kept: readonly KeptCount[], count: number): void {
    for (const [channel, number] of Object.entries(deleted)) {
      this.#deletedByChannel.set(channel, (this.#deletedByChannel.get(channel) ?? 0) + number);
    }
    for (const { consumer, because, count: number } of kept) {
      const key = `${because} ${consumer}`;
      const before = this.#keptFor.get(key)?.count ?? 0;
      this.#keptFor.set(key, { consumer, because, count: before + number });
    }
    this.#kept += count;
  }

  result(): CleanupResult {
    const channels = [...this.#deletedByChannel].sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      olderThan: this.#olderThan,
      deleted: channels.reduce((sum, [, number]) => sum + number, 0),
      deletedByChannel: Object.fromEntries(channels),
      kept: this.#kept,
      keptFor: [...this.#keptFor.values()],
    };
  }
}
