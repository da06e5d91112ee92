import type { ClientBase, Pool } from 'pg';
import type { CursorHold, FencedWrite } from '../cursor/cursor-store.ts';
import { type Names, qualified } from '../db/names.ts';
import { type LogRow, logRowOf, rowsWithinBytes } from '../log/log-row.ts';

/** Those of one partition; its parameters are $1 and $2. */
const OF_THIS_CURSOR = 'consumer_id = $1 and partition = $2';

/** A notification that is handled again: how often it was, and why. */
export interface Redelivery {
  readonly row: LogRow;
  /** Attempts made so far. */
  readonly attempts: number;
  readonly reason: 'failure' | 'replay';
  /** Whether it was in the log when this consumer started in this run. */
  readonly wasThere: boolean;
}

/**
 * The redeliveries of one consumer. Every write names the lease's epoch, so a process that has been
 * replaced changes nothing.
 *
 * Of the retries with the same key, the earliest is due at some time and all others at infinity:
 * they wait behind it. Whatever settles one makes the next of its key due. So looking for what is
 * due costs nothing for what waits.
 */
export class RedeliveryStore {
  readonly #client: Pool | ClientBase;
  readonly #names: Names;
  readonly #hold: CursorHold;
  readonly #table: string;
  readonly #log: string;
  readonly #cursors: string;

  constructor(client: Pool | ClientBase, names: Names, hold: CursorHold) {
    this.#client = client;
    this.#names = names;
    this.#hold = hold;
    this.#table = qualified(names, 'redelivery');
    this.#log = qualified(names, 'notification_log');
    this.#cursors = qualified(names, 'consumer_cursor');
  }

  /** Schedules the next attempt; everything later of the same key waits behind it. */
  async retry(row: LogRow, attempts: number, delaySeconds: number, error: string) {
    return this.#write(
      `with mine as (${this.#mine}),
       parked as (
         insert into ${this.#table} as r
           (consumer_id, partition, notification_id, channel, key, reason, attempt, due_at, last_error)
         select $1, $2, $4, $5, $6, 'failure', $7, now() + make_interval(secs => $8), $9 from mine
         on conflict (consumer_id, notification_id) do update
         set state = 'retry', attempt = excluded.attempt, due_at = excluded.due_at,
             last_error = excluded.last_error, updated_at = now()
       ),
       followers as (
         update ${this.#table}
         set due_at = 'infinity'
         where consumer_id = $1 and state = 'retry' and due_at <> 'infinity'
           and md5(key) = md5($6) and key = $6 and notification_id > $4
           and exists (select from mine)
       )
       select count(*)::int from mine`,
      [row.id, row.channel, row.key, attempts, delaySeconds, error],
    );
  }

  /** Lets the cursor pass what is being handled: if we do not live to see its end, it is due. */
  async leaveRunning(rows: readonly LogRow[]) {
    return this.#write(
      `with mine as (${this.#mine}),
       parked as (
         insert into ${this.#table}
           (consumer_id, partition, notification_id, channel, key, reason)
         select $1, $2, w.id, w.channel, w.key, 'failure'
         from unnest($4::bigint[], $5::text[], $6::text[]) as w (id, channel, key), mine
         on conflict (consumer_id, notification_id) do nothing
       )
       select count(*)::int from mine`,
      columnsOf(rows),
    );
  }

  /** Lets new notifications wait behind an earlier one of their key that is being retried. */
  async waitBehind(rows: readonly LogRow[]) {
    return this.#write(
      `with mine as (${this.#mine}),
       parked as (
         insert into ${this.#table}
           (consumer_id, partition, notification_id, channel, key, reason, due_at)
         select $1, $2, w.id, w.channel, w.key, 'failure', 'infinity'
         from unnest($4::bigint[], $5::text[], $6::text[]) as w (id, channel, key), mine
         on conflict (consumer_id, notification_id) do nothing
       )
       select count(*)::int from mine`,
      columnsOf(rows),
    );
  }

  /** Makes it a dead letter: attempted no more. The next of its key becomes due. */
  async bury(row: LogRow, attempts: number, error: string) {
    return this.#write(
      `with mine as (${this.#mine}),
       buried as (
         insert into ${this.#table}
           (consumer_id, partition, notification_id, channel, key, reason, state, attempt, last_error)
         select $1, $2, $4, $5, $6, 'failure', 'dead', $7, $8 from mine
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
               and md5(key) = md5($6) and key = $6 and notification_id <> $4)
       )
       select count(*)::int from mine`,
      [row.id, row.channel, row.key, attempts, error],
    );
  }

  /** They were handled after all: nothing is left of them here. The next of their keys are due. */
  async resolve(rows: readonly LogRow[]) {
    return this.#write(
      `with mine as (${this.#mine}),
       resolved as (
         delete from ${this.#table}
         where consumer_id = $1 and notification_id = any ($4::bigint[]) and exists (select from mine)
       ),
       next as (
         update ${this.#table}
         set due_at = now()
         where consumer_id = $1 and due_at = 'infinity' and exists (select from mine)
           and notification_id in (
             select min(r.notification_id)
             from unnest($5::text[]) as resolved (key)
             join ${this.#table} r on md5(r.key) = md5(resolved.key) and r.key = resolved.key
             where r.consumer_id = $1 and r.state = 'retry' and r.notification_id <> all ($4)
             group by r.key)
       )
       select count(*)::int from mine`,
      [
        rows.map(({ id }) => id),
        [...new Set(rows.flatMap(({ key }) => (key === null ? [] : [key])))],
      ],
    );
  }

  /** What is due, earliest first, and at most so much of it; leaves out what is being handled. */
  async due(
    limits: { rows: number; bytes: number },
    startedAt: string,
    inFlight: readonly number[],
  ): Promise<Redelivery[]> {
    const { rows } = await this.#client.query<DueValues>({
      text: rowsWithinBytes(this.#names, {
        from: `(
          select log.*, r.attempt, r.reason,
                 pg_visible_in_snapshot(log.xid, $4::pg_snapshot) as was_there,
                 row_number() over (order by r.due_at, r.notification_id) as position
          from (
            select notification_id, attempt, reason, due_at
            from ${this.#table}
            where ${OF_THIS_CURSOR} and state = 'retry' and due_at <= now()
              and notification_id <> all ($6)
            order by due_at, notification_id
            limit $3
          ) r
          join ${this.#log} log on log.id = r.notification_id
        )`,
        limit: '$5',
        carry: ['attempt', 'reason', 'was_there'],
      }),
      values: [...this.#cursorKey, limits.rows, startedAt, limits.bytes, inFlight],
      rowMode: 'array',
    });
    return rows.map(([id, channel, key, json, writtenAt, attempts, reason, wasThere]) => ({
      row: logRowOf([id, channel, key, json, writtenAt]),
      attempts,
      reason,
      wasThere,
    }));
  }

  /** Forgets retries whose notification is gone from the log. */
  async forgetDeleted(): Promise<number> {
    const { rowCount } = await this.#client.query(
      `delete from ${this.#table} r
       where ${OF_THIS_CURSOR} and state = 'retry' and due_at <= now()
         and not exists (select from ${this.#log} log where log.id = r.notification_id)`,
      this.#cursorKey,
    );
    return rowCount ?? 0;
  }

  /**
   * Makes the earliest of each key due that only waits: what it waited behind is gone, deleted by a
   * clean-up or with a lost channel.
   */
  async releaseOrphans(): Promise<FencedWrite> {
    return this.#write(
      `with mine as (${this.#mine}),
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

  /** Whether anything stands here at all, dead letters included. */
  async isEmpty(): Promise<boolean> {
    const { rows } = await this.#client.query<[boolean]>({
      text: `select not exists (select from ${this.#table} where ${OF_THIS_CURSOR})`,
      values: this.#cursorKey,
      rowMode: 'array',
    });
    return rows[0]?.[0] === true;
  }

  /** Seconds until the next one is due (0: now), undefined when nothing else is retried. */
  async secondsUntilDue(inFlight: readonly number[]): Promise<number | undefined> {
    const { rows } = await this.#client.query<[number | null]>({
      text: `
        select date_part('epoch', min(due_at) - clock_timestamp())
        from ${this.#table}
        where ${OF_THIS_CURSOR} and state = 'retry' and due_at < 'infinity'
          and notification_id <> all ($3)`,
      values: [...this.#cursorKey, inFlight],
      rowMode: 'array',
    });
    const seconds = rows[0]?.[0] ?? undefined;
    return seconds === undefined ? undefined : Math.max(0, seconds);
  }

  /** Which of these notifications stand here already, and which of these keys are being retried. */
  async among(rows: readonly LogRow[]): Promise<{ ids: Set<number>; keys: Set<string> }> {
    const keys = [...new Set(rows.flatMap(({ key }) => (key === null ? [] : [key])))];
    const { rows: found } = await this.#client.query<[number | null, string | null]>({
      text: `
        select notification_id, null::text from ${this.#table}
        where consumer_id = $1 and notification_id = any ($2)
        union all
        select null, wanted.key
        from unnest($3::text[]) as wanted (key)
        where exists (
          select from ${this.#table} r
          where r.consumer_id = $1 and r.state = 'retry'
            and md5(r.key) = md5(wanted.key) and r.key = wanted.key)`,
      values: [this.#hold.consumerId, rows.map(({ id }) => id), keys],
      rowMode: 'array',
    });
    return {
      ids: new Set(found.flatMap(([id]) => (id === null ? [] : [id]))),
      keys: new Set(found.flatMap(([, key]) => (key === null ? [] : [key]))),
    };
  }

  /**
   * The cursor's row, while the lease is ours; locked, so that nobody takes over before the write
   * has committed. Every write is given $1 to $3.
   */
  get #mine(): string {
    return `select from ${this.#cursors}
            where consumer_id = $1 and partition = $2 and epoch = $3 for key share`;
  }

  get #cursorKey(): [consumerId: number, partition: number] {
    return [this.#hold.consumerId, this.#hold.partition];
  }

  async #write(text: string, values: readonly unknown[]): Promise<FencedWrite> {
    const { consumerId, partition, epoch } = this.#hold;
    const { rows } = await this.#client.query<[number]>({
      text,
      values: [consumerId, partition, epoch, ...values],
      rowMode: 'array',
    });
    return rows[0]?.[0] === 1 ? 'written' : 'fenced';
  }
}

function columnsOf(rows: readonly LogRow[]) {
  return [rows.map(({ id }) => id), rows.map(({ channel }) => channel), rows.map(({ key }) => key)];
}

type DueValues = [
  id: number,
  channel: string,
  key: string | null,
  json: string | null,
  writtenAt: number,
  attempts: number,
  reason: 'failure' | 'replay',
  wasThere: boolean,
];
