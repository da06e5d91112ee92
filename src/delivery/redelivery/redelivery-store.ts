import type { ClientBase, Pool } from 'pg';
import type { CursorHold, FencedWrite } from '../../cursor/cursor-store.ts';
import { type Names, qualified } from '../../db/names.ts';
import type { LogRow } from '../../log/log-row.ts';
import { FencedStatements } from './fenced-statements.ts';

export interface Failed {
  readonly write: FencedWrite;
  /** Whether it was given up while it was being attempted: nothing is written of it then. */
  readonly isGivenUp: boolean;
}

export interface Resolved {
  readonly write: FencedWrite;
  /** How many are handled, and known here until the stored cursor has passed them. */
  readonly kept: number;
}

/** Those of one partition; its parameters are $1 and $2. */
const OF_THIS_CURSOR = 'consumer_id = $1 and partition = $2';

/**
 * Writes the redeliveries of one cursor. Every write names the lease's epoch and the server's life, so
 * a process that has been replaced changes nothing.
 *
 * Of the retries with the same key, the earliest is due at some time and all others at infinity:
 * they wait behind it. Whatever settles one makes the next of its key due. So looking for what is
 * due costs nothing for what waits.
 */
export class RedeliveryStore {
  readonly #client: Pool | ClientBase;
  readonly #statements: FencedStatements;
  readonly #hold: CursorHold;
  readonly #table: string;
  readonly #log: string;

  constructor(client: Pool | ClientBase, names: Names, hold: CursorHold) {
    this.#client = client;
    this.#statements = new FencedStatements(client, names, hold);
    this.#hold = hold;
    this.#table = qualified(names, 'redelivery');
    this.#log = qualified(names, 'notification_log');
  }

  /**
   * Schedules the next attempt; everything later of the same key waits behind it.
   * @param isKnown it stands here already, unless somebody has given it up meanwhile
   */
  async retry(
    row: LogRow,
    attempts: number,
    delaySeconds: number,
    error: string,
    isKnown: boolean,
  ): Promise<Failed> {
    return this.#noteFailure(
      `with mine as (${this.#statements.mine}),
       known as (
         update ${this.#table}
         set attempt = $9, due_at = now() + make_interval(secs => $10), last_error = $11,
             updated_at = now()
         where $12 and consumer_id = $1 and notification_id = $6 and state = 'retry'
           and exists (select from mine)
         returning notification_id
       ),
       parked as (
         insert into ${this.#table} as r
           (consumer_id, partition, notification_id, channel, key, reason, attempt, due_at, last_error)
         select $1, $2, $6, $7, $8, 'failure', $9, now() + make_interval(secs => $10), $11 from mine
         where not $12
         on conflict (consumer_id, notification_id) do update
         set state = 'retry', attempt = excluded.attempt, due_at = excluded.due_at,
             last_error = excluded.last_error, updated_at = now()
       ),
       followers as (
         update ${this.#table}
         set due_at = 'infinity'
         where consumer_id = $1 and state = 'retry' and due_at <> 'infinity'
           and md5(key) = md5($8) and key = $8 and notification_id > $6
           and exists (select from mine) and (not $12 or exists (select from known))
       )
       select (select count(*)::int from mine), (select count(*)::int from known)`,
      [row.id, row.channel, row.key, attempts, delaySeconds, error, isKnown],
      isKnown,
    );
  }

  /** Lets the cursor pass what is being handled: if we do not live to see its end, it is due. */
  async leaveRunning(rows: readonly LogRow[]) {
    return this.#park(rows, 'now');
  }

  /** Lets new notifications wait behind an earlier one of their key that is being retried. */
  async waitBehind(rows: readonly LogRow[]) {
    return this.#park(rows, 'infinity');
  }

  /**
   * Makes it a dead letter: attempted no more. The next of its key becomes due.
   * @param isKnown it stands here already, unless somebody has given it up meanwhile
   */
  async bury(row: LogRow, attempts: number, error: string, isKnown: boolean): Promise<Failed> {
    return this.#noteFailure(
      `with mine as (${this.#statements.mine}),
       known as (
         update ${this.#table}
         set state = 'dead', attempt = $9, last_error = $10, updated_at = now()
         -- It is dead already where this is repeated, after an answer that was lost.
         where $11 and consumer_id = $1 and notification_id = $6 and state <> 'handled'
           and exists (select from mine)
         returning notification_id
       ),
       buried as (
         insert into ${this.#table}
           (consumer_id, partition, notification_id, channel, key, reason, state, attempt, last_error)
         select $1, $2, $6, $7, $8, 'failure', 'dead', $9, $10 from mine
         where not $11
         on conflict (consumer_id, notification_id) do update
         set state = 'dead', attempt = excluded.attempt, last_error = excluded.last_error,
             updated_at = now()
       ),
       next as (
         update ${this.#table}
         set due_at = now()
         where consumer_id = $1 and due_at = 'infinity' and exists (select from mine)
           and notification_id = (
             select min(notification_id) from ${this.#table}
             where consumer_id = $1 and state = 'retry'
               and md5(key) = md5($8) and key = $8 and notification_id <> $6)
       )
       select (select count(*)::int from mine), (select count(*)::int from known)`,
      [row.id, row.channel, row.key, attempts, error, isKnown],
      isKnown,
    );
  }

  /**
   * They were handled after all. The next of their keys are due. Nothing is left of them here, unless
   * the stored cursor has not passed them yet: whoever fetches them from there must know. What it has
   * passed by now of those is forgotten, too.
   */
  async resolve(rows: readonly LogRow[]): Promise<Resolved> {
    const [mine = 0, kept = 0] = await this.#statements.ask(
      `with mine as (${this.#statements.mine}),
       settled as (
         select notification_id from ${this.#table}
         where consumer_id = $1 and notification_id = any ($6::bigint[])
         union
         select notification_id from ${this.#table}
         where consumer_id = $1 and partition = $2 and state = 'handled'
       ),
       looked_at as (
         select settled.notification_id,
                log.id is null or pg_visible_in_snapshot(log.xid, mine.seen)
                or coalesce(log.id <= mine.last_id and pg_visible_in_snapshot(log.xid, mine.until), false)
                  as passed
         from mine
         cross join settled
         left join ${this.#log} log on log.id = settled.notification_id
       ),
       -- Arrays: joined with so small a guess of how many they are, each would be compared with each.
       gone as (
         delete from ${this.#table} r
         where r.consumer_id = $1
           and r.notification_id = any (array(select notification_id from looked_at where passed))
           -- Or somebody has just replayed it.
           and (r.state = 'handled' or r.notification_id = any ($6))
       ),
       kept as (
         update ${this.#table} r
         set state = 'handled', updated_at = now()
         where r.consumer_id = $1
           and r.notification_id = any (array(select notification_id from looked_at where not passed))
           and r.state <> 'handled'
       ),
       next as (
         update ${this.#table}
         set due_at = now()
         where consumer_id = $1 and due_at = 'infinity' and exists (select from mine)
           and notification_id in (
             select min(r.notification_id)
             from unnest($7::text[]) as free (key)
             join ${this.#table} r on md5(r.key) = md5(free.key) and r.key = free.key
             where r.consumer_id = $1 and r.state = 'retry' and r.notification_id <> all ($6)
             group by r.key)
       )
       select (select count(*)::int from mine), (select count(*)::int from looked_at where not passed)`,
      [
        rows.map(({ id }) => id),
        [...new Set(rows.flatMap(({ key }) => (key === null ? [] : [key])))],
      ],
    );
    return { write: mine === 1 ? 'written' : 'fenced', kept };
  }

  /** Forgets what was handled, and was kept until the cursor has passed it. */
  async forgetPassed(): Promise<Resolved> {
    return this.resolve([]);
  }

  /** Forgets retries whose notification is gone from the log. */
  async forgetDeleted(): Promise<void> {
    await this.#client.query(
      `delete from ${this.#table} r
       where ${OF_THIS_CURSOR} and state = 'retry' and due_at <= now()
         and not exists (select from ${this.#log} log where log.id = r.notification_id)`,
      this.#cursorKey,
    );
  }

  /**
   * Makes the earliest of each key due that only waits: what it waited behind is gone, deleted by a
   * clean-up or with a lost channel, or settled at the moment at which somebody who steers the consumer
   * let others wait behind it.
   */
  async releaseOrphans(): Promise<FencedWrite> {
    return this.#statements.write(
      `with mine as (${this.#statements.mine}),
       heads as (
         select distinct on (key) notification_id, due_at
         from ${this.#table}
         where ${OF_THIS_CURSOR} and state = 'retry' and key is not null
         order by key, due_at, notification_id
       ),
       released as (
         update ${this.#table} r
         set due_at = now()
         from heads
         where r.consumer_id = $1 and r.notification_id = heads.notification_id
           and heads.due_at = 'infinity' and exists (select from mine)
       )
       select count(*)::int from mine`,
      [],
    );
  }

  get #cursorKey(): [consumerId: number, partition: number] {
    return [this.#hold.consumerId, this.#hold.partition];
  }

  async #park(rows: readonly LogRow[], dueAt: 'now' | 'infinity') {
    return this.#statements.write(
      `with mine as (${this.#statements.mine}),
       parked as (
         insert into ${this.#table}
           (consumer_id, partition, notification_id, channel, key, reason, due_at)
         select $1, $2, w.id, w.channel, w.key, 'failure', $9::timestamptz
         from unnest($6::bigint[], $7::text[], $8::text[]) as w (id, channel, key), mine
         on conflict (consumer_id, notification_id) do nothing
       )
       select count(*)::int from mine`,
      [
        rows.map(({ id }) => id),
        rows.map(({ channel }) => channel),
        rows.map(({ key }) => key),
        dueAt,
      ],
    );
  }

  async #noteFailure(text: string, values: readonly unknown[], isKnown: boolean): Promise<Failed> {
    const [mine = 0, known = 0] = await this.#statements.ask(text, values);
    return {
      write: mine === 1 ? 'written' : 'fenced',
      isGivenUp: isKnown && mine === 1 && known === 0,
    };
  }
}
