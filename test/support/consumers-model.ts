import { defineConsumer } from '../../src/consumer/define-consumer.ts';
import type { Database } from '../../src/db/database.ts';
import { DoomedProcess } from './doomed-process.ts';
import { EventLog } from './event-log.ts';
import type { InstalledDatabase } from './installed-database.ts';
import { openAt } from './open-database.ts';
import { type RunningDaemon, startDaemon } from './running-daemon.ts';

/** One that runs, and can be killed. */
interface Process {
  readonly life: DoomedProcess;
  readonly db: Database;
  readonly daemon: RunningDaemon;
}

export interface ConsumerShape {
  readonly concurrency: number;
  readonly batch: number;
}

/**
 * Several processes that run one consumer, on a real server. Each handling waits for a permit and
 * may be told to fail.
 */
export class ConsumersModel {
  readonly #database: InstalledDatabase;
  readonly #name: string;
  readonly #shape: ConsumerShape;
  readonly #processes = new Map<number, Process>();
  readonly #ended: Promise<unknown>[] = [];
  readonly #permits = new EventLog<'permit'>();
  #taken = 0;
  #failures = 0;
  /** Into how many partitions the consumer is split by whoever starts from now on. */
  partitions = 1;
  kills = 0;
  readonly handled = new EventLog<number>();

  constructor(database: InstalledDatabase, name: string, shape: ConsumerShape) {
    this.#database = database;
    this.#name = name;
    this.#shape = shape;
  }

  async start(number: number): Promise<void> {
    if (this.#processes.has(number)) return;
    const life = await DoomedProcess.begin(this.#database.url, Number.MAX_SAFE_INTEGER);
    const db = openAt(life.url, { poolSize: 4 });
    const daemon = startDaemon(db, [this.#consumer(life)], {
      config: { maxBatchSize: this.#shape.batch, leaseSeconds: 2, reconnectDelaySeconds: 0.1 },
    });
    this.#processes.set(number, { life, db, daemon });
  }

  /** Handlers of a process that stops finish what they have begun. */
  async stop(number: number): Promise<void> {
    const process = this.#processes.get(number);
    if (process === undefined) return;
    this.#processes.delete(number);
    process.daemon.stop();
    this.permit(1_000);
    await this.#end(process);
  }

  async kill(number: number): Promise<void> {
    const process = this.#processes.get(number);
    if (process === undefined) return;
    this.#processes.delete(number);
    this.kills += 1;
    process.life.die();
    process.daemon.abort();
    this.#ended.push(this.#end(process));
    // As if its lease had run out.
    await this.#database.query(
      `with it as (select id from pgwatch.consumer where name = $1),
            gone as (delete from pgwatch.consumer_member where consumer_id = (select id from it))
       update pgwatch.consumer_cursor set lease_until = now() where consumer_id = (select id from it)`,
      [this.#name],
    );
  }

  /** Lets so many handlings begin. */
  permit(count: number): void {
    for (let n = 0; n < count; n += 1) this.#permits.add('permit');
  }

  /** Lets the next handling fail. */
  fail(): void {
    this.#failures += 1;
  }

  /** Stops all that run, and waits for the end of those that were killed. */
  async stopAll(): Promise<void> {
    for (const number of [...this.#processes.keys()]) await this.stop(number);
    await Promise.all(this.#ended);
  }

  /** What a stored cursor covers and nobody has handled, nor waits in redelivery. */
  async coveredUnhandled(): Promise<number[]> {
    const { rows } = await this.#database.query<{ id: string }>(COVERED, [this.#name]);
    const handled = new Set(this.handled.all);
    return rows.map(({ id }) => Number(id)).filter((id) => !handled.has(id));
  }

  #consumer(life: DoomedProcess) {
    return defineConsumer({
      id: this.#name,
      channels: [this.#name],
      concurrency: this.#shape.concurrency,
      partitions: this.partitions,
      retry: { maxAttempts: 1_000, minDelaySeconds: 0, maxDelaySeconds: 0, jitter: 0 },
      handle: async ({ notificationLogId: id }) => {
        const permit = ++this.#taken;
        await this.#permits.count(permit);
        await life.point();
        if (this.#failures > 0) {
          this.#failures -= 1;
          throw new Error('not yet');
        }
        this.handled.add(id);
      },
    });
  }

  async #end({ daemon, db, life }: Process): Promise<void> {
    await daemon.ended;
    await db.close();
    await life.close();
  }
}

const COVERED = `
  select log.id
  from pgwatch.notification_log log
  join pgwatch.consumer c on c.name = $1 and log.channel = $1
  join pgwatch.consumer_cursor k
    on k.consumer_id = c.id and k.partition = pgwatch.partition_of(log.key, log.id, c.partitions)
  where (pg_visible_in_snapshot(log.xid, k.seen)
         or (pg_visible_in_snapshot(log.xid, k.until) and log.id <= k.last_id))
    and not exists (
      select from pgwatch.redelivery r where r.consumer_id = c.id and r.notification_id = log.id)`;
