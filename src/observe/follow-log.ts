import { assertSameCluster } from '../db/clone-guard.ts';
import type { Database } from '../db/database.ts';
import { PgwatchError } from '../errors.ts';
import { backoffMs } from '../lifecycle/backoff.ts';
import { pause } from '../lifecycle/pause.ts';
import type { LogRow } from '../log/log-row.ts';
import { Listener, type ListenerEvent } from '../wake/listener.ts';
import { PendingWake } from '../wake/pending-wake.ts';
import { LogTail, type TailOptions } from './log-tail.ts';

export interface FollowOptions extends Omit<TailOptions, 'db'> {
  readonly db: Database;
  /** Whether to LISTEN. */
  readonly listen: boolean;
  /** How often to look even if nobody rang. */
  readonly lookEveryMs: number;
  /** The longest pause between two attempts to reconnect. */
  readonly reconnectDelaySeconds: number;
  /** Told of each notification in turn; awaited, so that no more is read than can be taken. */
  readonly onRows: (rows: readonly LogRow[]) => Promise<void>;
  readonly emit: (event: FollowEvent) => void;
}

export type FollowEvent =
  | ListenerEvent
  /** The first look is done: whatever comes from now on is seen. */
  | { readonly type: 'following' }
  /** LISTEN does not reach us: it looks at intervals only. */
  | { readonly type: 'unheard'; readonly error: PgwatchError }
  /** Once per outage; it is tried again for ever. */
  | { readonly type: 'read-lost'; readonly error: unknown }
  | { readonly type: 'read-back' };

/**
 * Follows the log until the signal aborts, through any number of lost connections.
 * @throws CLUSTER_CHANGED when another database stands behind the URL after an outage
 */
export async function followLog(options: FollowOptions, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const rung = new PendingWake();
  const listening = options.listen ? listen(options, rung, either) : Promise.resolve();
  try {
    await read(options, rung, either);
  } finally {
    over.abort();
    await listening;
  }
}

async function listen(options: FollowOptions, rung: PendingWake, signal: AbortSignal) {
  const { db, reconnectDelaySeconds, emit } = options;
  const listener = new Listener({
    db,
    router: { ring: () => rung.wake() },
    bystander: true,
    reconnectDelaySeconds,
    emit,
  });
  await listener.run(signal).catch((error: unknown) => {
    if (!(error instanceof PgwatchError)) throw error;
    emit({ type: 'unheard', error });
  });
}

async function read(options: FollowOptions, rung: PendingWake, signal: AbortSignal) {
  const { db, lookEveryMs, reconnectDelaySeconds, onRows, emit } = options;
  const tail = new LogTail(options);
  let isFollowing = false;
  for (let failures = 0; !signal.aborted; ) {
    let rows: readonly LogRow[];
    try {
      if (failures > 0) await assertSameCluster(db.pool, db.names.schema);
      rows = await tail.next();
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof PgwatchError && error.code === 'CLUSTER_CHANGED') throw error;
      if (!isFollowing) throw error;
      failures += 1;
      if (failures === 1) emit({ type: 'read-lost', error });
      await pause(backoffMs(failures, reconnectDelaySeconds * 1000, Math.random()), signal);
      continue;
    }
    if (failures > 0) emit({ type: 'read-back' });
    failures = 0;
    if (!isFollowing) emit({ type: 'following' });
    isFollowing = true;
    if (rows.length > 0) await onRows(rows);
    else await rung.wait(lookEveryMs, signal);
  }
}
