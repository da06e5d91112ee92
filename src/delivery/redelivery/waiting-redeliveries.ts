import type { Pool } from 'pg';
import type { CursorHold } from '../../cursor/cursor-store.ts';
import { type Names, qualified } from '../../db/names.ts';
import { type LogRow, logRowOf } from '../../log/log-row.ts';
import { rowsWithinBytes } from '../../log/rows-within-bytes.ts';

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

/** What stands in redelivery for one cursor, to be read. */
export class WaitingRedeliveries {
  readonly #pool: Pool;
  readonly #names: Names;
  readonly #hold: CursorHold;
  readonly #table: string;

  constructor(pool: Pool, names: Names, hold: CursorHold) {
    this.#pool = pool;
    this.#names = names;
    this.#hold = hold;
    this.#table = qualified(names, 'redelivery');
  }

  /** What is due, earliest first, and at most so much of it; leaves out what is being handled. */
  async due(
    limits: { rows: number; bytes: number },
    startedAt: string,
    inFlight: readonly number[],
  ): Promise<Redelivery[]> {
    const { rows } = await this.#pool.query<DueValues>({
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
          join ${qualified(this.#names, 'notification_log')} log on log.id = r.notification_id
        )`,
        limit: '$5',
        carry: ['attempt', 'reason', 'was_there'],
      }),
      values: [...this.#cursorKey, limits.rows, startedAt, limits.bytes, inFlight],
      rowMode: 'array',
    });
    return rows.map(([id, channel, key, json, writtenAt, trace, attempts, reason, wasThere]) => ({
      row: logRowOf([id, channel, key, json, writtenAt, trace]),
      attempts,
      reason,
      wasThere,
    }));
  }

  /** Whether anything stands here at all, dead letters included. */
  async isEmpty(): Promise<boolean> {
    const { rows } = await this.#pool.query<[boolean]>({
      text: `select not exists (select from ${this.#table} where ${OF_THIS_CURSOR})`,
      values: this.#cursorKey,
      rowMode: 'array',
    });
    return rows[0]?.[0] === true;
  }

  /**
   * Seconds until the next one is due (0: now); Infinity when all others wait behind one of their key;
   * undefined when nothing else is retried.
   */
  async secondsUntilDue(inFlight: readonly number[]): Promise<number | undefined> {
    const { rows } = await this.#pool.query<[boolean | null, number | null]>({
      text: `
        select next = 'infinity',
               case when next < 'infinity' then date_part('epoch', next - clock_timestamp()) end
        from (
          select min(due_at) as next
          from ${this.#table}
          where ${OF_THIS_CURSOR} and state = 'retry' and notification_id <> all ($3)
        ) retried`,
      values: [...this.#cursorKey, inFlight],
      rowMode: 'array',
    });
    const [waits, seconds] = rows[0] ?? [];
    if (waits === true) return Number.POSITIVE_INFINITY;
    return typeof seconds === 'number' ? Math.max(0, seconds) : undefined;
  }

  /** Which of these notifications stand here already, and which of these keys are being retried. */
  async among(rows: readonly LogRow[]): Promise<{ ids: Set<number>; keys: Set<string> }> {
    const keys = [...new Set(rows.flatMap(({ key }) => (key === null ? [] : [key])))];
    const { rows: found } = await this.#pool.query<[number | null, string | null]>({
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

  get #cursorKey(): [consumerId: number, partition: number] {
    return [this.#hold.consumerId, this.#hold.partition];
  }
}

type DueValues = [
  id: number,
  channel: string,
  key: string | null,
  json: string | null,
  writtenAt: number,
  traceparent: string | null,
  attempts: number,
  reason: 'failure' | 'replay',
  wasThere: boolean,
];
