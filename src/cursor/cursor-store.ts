import { type Kysely, sql } from 'kysely';
import type { ClientBase, Pool } from 'pg';
import type { Database } from '../db/database.ts';
import { type Names, qualified } from '../db/names.ts';
import type { Tables } from '../db/tables.ts';
import { type ChannelChange, followChannels } from './channel-change.ts';
import type { Cursor } from './cursor.ts';
import { hasEnded, type LeaseOwner } from './lease-owner.ts';
import type { Partition } from './partition.ts';
import { asSnapshot, type Snapshot } from './snapshot.ts';
import type { Split } from './split.ts';

/** A cursor in the database, held under a lease. */
export interface CursorHold {
  readonly consumerId: number;
  readonly partition: number;
  /** Goes up with every take-over; a write with an older one changes nothing. */
  readonly epoch: number;
  /** The life of the server (see server_life in migrations/0001) in which it was claimed. */
  readonly life: string;
  /** How long it is held without a write. */
  readonly leaseSeconds: number;
}

export type Claim =
  | {
      readonly kind: 'held';
      readonly hold: CursorHold;
      readonly cursor: Cursor;
      /** The snapshot of now. */
      readonly now: Snapshot;
      readonly channels: ChannelChange;
    }
  | { readonly kind: 'taken'; readonly owner: string; readonly secondsLeft: number }
  /** The consumer has been split otherwise since we looked. */
  | { readonly kind: 'split otherwise' };

export interface Claimant {
  readonly owner: LeaseOwner;
  readonly channels: readonly string[];
  readonly leaseSeconds: number;
}

/** What a write that names an epoch comes to: `fenced` when somebody else has taken over. */
export type FencedWrite = 'written' | 'fenced';

/**
 * Tries to take the lease of one of a consumer's cursors: free, run out, or left by a process that has
 * ended. Raises the epoch, so that whoever held it before cannot write any more; then the channels
 * are those of the new holder.
 */
export async function claimCursor(
  db: Database,
  consumerId: number,
  split: Split,
  number: number,
  { owner, channels, leaseSeconds }: Claimant,
): Promise<Claim> {
  const partition: Partition = { number, of: split.partitions };
  return db.kysely.transaction().execute(async (trx) => {
    const found = await trx
      .selectFrom('consumer_cursor')
      .select(['lease_owner', 'seen', 'until', 'last_id', 'channels'])
      .select(sql<string>`pg_current_snapshot()::text`.as('now'))
      .select((eb) => eb.selectFrom('server_life').select('id').as('life'))
      .select(
        sql<number>`greatest(0, date_part('epoch', lease_until - clock_timestamp()))`.as('seconds'),
      )
      .where('consumer_id', '=', consumerId)
      .where('partition', '=', number)
      .forUpdate()
      .executeTakeFirst();
    if (found === undefined || !(await isSplitAs(trx, consumerId, split))) {
      return { kind: 'split otherwise' };
    }
    const { lease_owner: holder, seconds } = found;
    if (holder !== null && holder !== owner && seconds > 0 && !hasEnded(holder, owner)) {
      return { kind: 'taken', owner: holder, secondsLeft: seconds };
    }
    const life = found.life ?? (await beginLife(trx));
    const { epoch } = await trx
      .updateTable('consumer_cursor')
      .set({
        epoch: sql`epoch + 1`,
        channels: [...channels],
        lease_owner: owner,
        lease_until: leaseEnd(leaseSeconds),
      })
      .where('consumer_id', '=', consumerId)
      .where('partition', '=', number)
      .returning('epoch')
      .executeTakeFirstOrThrow();
    return {
      kind: 'held',
      hold: { consumerId, partition: number, epoch, life, leaseSeconds },
      now: asSnapshot(found.now),
      channels: await followChannels(
        trx,
        db.names,
        consumerId,
        partition,
        found.channels,
        channels,
      ),
      cursor: {
        seen: asSnapshot(found.seen),
        window:
          found.until === null || found.last_id === null
            ? undefined
            : { until: asSnapshot(found.until), lastId: found.last_id },
      },
    };
  });
}

/** The first claim in a life of the server gives it its id. */
async function beginLife(trx: Kysely<Tables>): Promise<string> {
  await trx
    .insertInto('server_life')
    .defaultValues()
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const { id } = await trx.selectFrom('server_life').select('id').executeTakeFirstOrThrow();
  return id;
}

/** Whether it still is; keeps it so until the transaction ends. */
async function isSplitAs(trx: Kysely<Tables>, consumerId: number, split: Split): Promise<boolean> {
  const found = await trx
    .selectFrom('consumer')
    .select(['partitions', 'closing_at'])
    .where('id', '=', consumerId)
    .forKeyShare()
    .executeTakeFirstOrThrow();
  return found.partitions === split.partitions && found.closing_at === (split.closingAt ?? null);
}

/**
 * Stores the cursor and renews the lease. One HOT update, however much was settled. Fenced also when
 * the server has crashed since the claim: the cursor must be read again.
 *
 * In a transaction it locks the row until the end. A process that was frozen before it could commit
 * would keep everybody from taking over, so the server ends a transaction that then stands still.
 */
export async function writeCursor(
  client: Pool | ClientBase,
  names: Names,
  hold: CursorHold,
  cursor: Cursor,
): Promise<FencedWrite> {
  const result = await client.query({
    name: 'pgwatch_write_cursor',
    text: `
      update ${qualified(names, 'consumer_cursor')}
      set seen = $4, until = $5, last_id = $6, updated_at = now(),
          lease_until = clock_timestamp() + make_interval(secs => $7)
      where consumer_id = $1 and partition = $2 and epoch = $3
        and exists (select from ${qualified(names, 'server_life')} where id = $8)
        and ${unlessIdle('$9')}`,
    values: [
      hold.consumerId,
      hold.partition,
      hold.epoch,
      cursor.seen,
      cursor.window?.until ?? null,
      cursor.window?.lastId ?? null,
      hold.leaseSeconds,
      hold.life,
      idleLimit(hold),
    ],
  });
  return result.rowCount === 1 ? 'written' : 'fenced';
}

/** A condition that always holds, and lets the server end this transaction when it stands still. */
export function unlessIdle(parameter: string): string {
  return `set_config('idle_in_transaction_session_timeout', ${parameter}, true) is not null`;
}

export function idleLimit({ leaseSeconds }: CursorHold): string {
  return `${Math.ceil(leaseSeconds)}s`;
}

/** Gives the lease back, so that another process can take it at once. */
export async function releaseLease(db: Database, hold: CursorHold): Promise<void> {
  await db.kysely
    .updateTable('consumer_cursor')
    .set({ lease_owner: null, lease_until: null })
    .where('consumer_id', '=', hold.consumerId)
    .where('partition', '=', hold.partition)
    .where('epoch', '=', hold.epoch)
    .execute();
}

function leaseEnd(seconds: number) {
  return sql<Date>`clock_timestamp() + make_interval(secs => ${seconds})`;
}
