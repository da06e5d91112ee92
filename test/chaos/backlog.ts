import pg from 'pg';
import { pause } from '../../src/lifecycle/pause.ts';
import type { Gate } from './gate.ts';

/** What the consumers have still to do, as the database tells. */
export interface Pending {
  /** Rows of the log that the furthest behind has not settled; counted up to a limit. */
  readonly behind: number;
  /** Retries of all consumers. */
  readonly retries: number;
}

const LOOK_EVERY_MS = 500;
const COUNT_AT_MOST = 200_000;

/** Above this the writers wait, until it is halved: the daemons shall be chased, not buried. */
const TOO_MUCH = 10_000;

/** A drain in which nothing moves for so long has come to its end. */
const STUCK_AFTER_MS = 60_000;

/** Watches how far behind the consumers are, directly, whatever happens to the daemons. */
export class Backlog {
  readonly #pool: pg.Pool;
  readonly #gate: Gate;
  readonly #consumers: readonly string[];
  readonly #stopping = new AbortController();
  #watching: Promise<void> | undefined;

  constructor(url: string, gate: Gate, consumers: readonly string[]) {
    this.#pool = new pg.Pool({ connectionString: url, max: 1, application_name: 'chaos backlog' });
    this.#pool.on('error', () => {
      // The server is away; the next look sees it.
    });
    this.#gate = gate;
    this.#consumers = consumers;
  }

  /** Opens and closes the writers' gate from now on. */
  watch(): void {
    this.#watching = this.#watch();
  }

  /** Waits until nothing is left. False: something is, and has not moved for a minute. */
  async drain(): Promise<boolean> {
    let last = '';
    for (let movedAt = performance.now(); performance.now() - movedAt < STUCK_AFTER_MS; ) {
      const pending = await this.#look();
      if (pending !== undefined && pending.behind === 0 && pending.retries === 0) return true;
      const now = JSON.stringify(pending);
      if (now !== last) movedAt = performance.now();
      last = now;
      await pause(LOOK_EVERY_MS, this.#stopping.signal);
    }
    return false;
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#watching;
    await this.#pool.end();
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const behind = (await this.#look())?.behind ?? 0;
      if (behind > TOO_MUCH) this.#gate.close();
      else if (behind <= TOO_MUCH / 2) this.#gate.open();
      await pause(LOOK_EVERY_MS, signal);
    }
  }

  /** Undefined: the server is away. */
  async #look(): Promise<Pending | undefined> {
    try {
      const { rows } = await this.#pool.query<Pending>(PENDING, [this.#consumers]);
      return rows[0];
    } catch {
      return undefined;
    }
  }
}

/** A consumer that is not registered yet is behind by the whole log. */
const PENDING = `
  with position as (
    select name, partitions, partition, channels, coalesce(c.seen, '1:1:') as seen, c.until, c.last_id
    from unnest($1::text[]) as wanted (name)
    left join pgwatch.consumer using (name)
    left join pgwatch.consumer_cursor c on c.consumer_id = consumer.id
  )
  select
    (select max(behind) from (
      select (
        select count(*)::int from (
          select from (
            select id, xid, channel, key from pgwatch.notification_log
            where xid >= pg_snapshot_xmax(seen)
            union all
            select id, xid, channel, key from pgwatch.notification_log
            where xid in (select pg_snapshot_xip(seen))
          ) log
          where (until is null or log.id > last_id or not pg_visible_in_snapshot(log.xid, until))
            and (channels is null or channel = any (channels))
            and (partitions is null or pgwatch.partition_of(key, id, partitions) = partition)
          limit ${COUNT_AT_MOST}
        ) counted
      ) as behind
      from position
    ) each) as behind,
    (select count(*)::int from pgwatch.redelivery where state = 'retry') as retries`;
