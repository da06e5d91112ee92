import { vi } from 'vitest';
import type { Consumer } from '../../src/consumer/consumer.ts';
import type { Notification } from '../../src/log/notification.ts';
import type { DeliveryFixture } from './delivery-fixture.ts';
import { DoomedProcess } from './doomed-process.ts';
import { openAt } from './open-database.ts';
import { type RunningDaemon, startDaemon } from './running-daemon.ts';

/** A notification to be written, and what is to become of it. */
export interface Fate {
  readonly key: string | null;
  readonly failsOnce?: true;
  /** Never succeeds. */
  readonly isCondemned?: true;
  /** Its handler waits until what was handled before it is stored. */
  readonly awaitsStored?: true;
}

/** What handlers of this process do, and what of it was done. */
export interface Effects {
  /** Handles as the notification's fate wills. `effect` is what counts as handling. */
  of(notification: Notification, effect?: () => Promise<unknown>): Promise<void>;
}

export interface CrashScenarioOptions {
  readonly fates: readonly Fate[];
  /** Of how many notifications a batch is at most. */
  readonly batch: number;
  consumer(id: string, effects: Effects): Consumer;
  /** Runs first, on the first half of what is written, and lives. Default: nobody. */
  readonly predecessor?: CrashScenarioOptions['consumer'];
  /** Reads what was handled, where that is not what the handlers did last. */
  readonly handled?: (id: string) => Promise<readonly number[]>;
}

/** What a process that died and the one after it came to. */
export interface CrashRun {
  readonly name: string;
  readonly ids: readonly number[];
  readonly condemned: readonly number[];
  /** Handled, in this order; again where it was repeated. */
  readonly handled: readonly number[];
  /** Dead letters. */
  readonly dead: readonly number[];
  /** Neither handled nor a dead letter. */
  readonly missing: readonly number[];
  /** Handled for the first time after a later one of their key. */
  readonly outOfOrder: readonly number[];
  readonly repeated: readonly number[];
  /** Handled again after it was seen to be stored. */
  readonly repeatedThoughStored: readonly number[];
}

/** Lets a process die at each point of a scenario in turn, each time followed by a sound one. */
export class CrashScenario {
  readonly #fixture: DeliveryFixture;
  readonly #options: CrashScenarioOptions;
  readonly #name: string;

  constructor(fixture: DeliveryFixture, options: CrashScenarioOptions) {
    this.#fixture = fixture;
    this.#options = options;
    this.#name = fixture.name();
  }

  /**
   * @param check is given each run
   * @returns how many points there were to die at
   */
  async dieEverywhere(check: (run: CrashRun) => void): Promise<number> {
    const ended: Promise<void>[] = [];
    let next = 1;
    let points = Number.POSITIVE_INFINITY;
    // Each of these mostly waits for timers.
    const runSome = async () => {
      while (next <= points) {
        const point = next++;
        const story = new Story(this.#fixture, `${this.#name}_${point}`, this.#options);
        const hasDied = await story.dieAt(point, ended);
        await story.finish();
        check(await story.run());
        if (!hasDied) points = Math.min(points, point - 1);
      }
    };
    const runners = await Promise.allSettled(Array.from({ length: AT_A_TIME }, runSome));
    await Promise.all(ended);
    for (const runner of runners) if (runner.status === 'rejected') throw runner.reason;
    return points;
  }
}

const AT_A_TIME = 4;

/** One channel with its consumer, and those that run it. */
class Story {
  readonly #fixture: DeliveryFixture;
  readonly #name: string;
  readonly #options: CrashScenarioOptions;
  readonly #fates = new Map<number, Fate>();
  readonly #handled: number[] = [];
  readonly #stored = new Set<number>();
  readonly #repeatedThoughStored: number[] = [];

  constructor(fixture: DeliveryFixture, name: string, options: CrashScenarioOptions) {
    this.#fixture = fixture;
    this.#name = name;
    this.#options = options;
  }

  /** @param ended gets what the rest of the dead process takes to end */
  async dieAt(point: number, ended: Promise<void>[]): Promise<boolean> {
    const { fates, predecessor, consumer } = this.#options;
    const half = fates.length / 2;
    await this.#write(fates.slice(0, half));
    if (predecessor !== undefined) await this.#runSound(predecessor);
    await this.#write(fates.slice(half));
    const life = await DoomedProcess.begin(this.#fixture.database.url, point);
    const db = openAt(life.url, { poolSize: 4 });
    const daemon = this.#start(consumer, db, () => life.point());
    await Promise.race([life.died, daemon.ended.catch(() => life.died)]);
    daemon.abort();
    ended.push(
      daemon.ended
        .catch(() => {})
        .then(() => db.close())
        .then(() => life.close()),
    );
    return life.isDead;
  }

  /** As if the leases of the dead had run out: others run until nothing is left. */
  async finish(): Promise<void> {
    const { database } = this.#fixture;
    for (let isTaken = true; isTaken; ) {
      await database.query(
        `update pgwatch.consumer_cursor set lease_until = now() - interval '1 s'
         where consumer_id = (select id from pgwatch.consumer where name = $1)`,
        [this.#name],
      );
      const daemon = await this.#runSound(this.#options.consumer);
      // The last statement of the dead, which renews their lease, may have come after ours.
      isTaken = daemon.events.all.some(
        ({ type }) => type === 'waiting-for-lease' || type === 'waiting-for-split',
      );
    }
  }

  async run(): Promise<CrashRun> {
    const ids = [...this.#fates.keys()];
    const handled = (await this.#options.handled?.(this.#name)) ?? this.#handled;
    const letters = await this.#fixture.redeliveries(this.#name);
    const dead = letters.filter(({ state }) => state === 'dead').map((row) => row.notification_id);
    const firsts = [...new Set(handled)];
    const repeated = handled.filter((id, index) => handled.indexOf(id) < index);
    const keyOf = (id: number) => this.#fates.get(id)?.key ?? null;
    return {
      name: this.#name,
      ids,
      condemned: ids.filter((id) => this.#fates.get(id)?.isCondemned),
      handled,
      dead,
      missing: ids.filter((id) => !handled.includes(id) && !dead.includes(id)),
      outOfOrder: firsts.filter((id, index) =>
        firsts.slice(0, index).some((before) => keyOf(before) === keyOf(id) && before > id),
      ),
      repeated,
      repeatedThoughStored: this.#repeatedThoughStored,
    };
  }

  async #write(fates: readonly Fate[]): Promise<void> {
    for (const fate of fates) {
      this.#fates.set(await this.#fixture.notify({}, fate.key, this.#name), fate);
    }
  }

  async #runSound(consumer: CrashScenarioOptions['consumer']): Promise<RunningDaemon> {
    const daemon = this.#start(consumer, this.#fixture.database.db, async () => {});
    await daemon.ended;
    return daemon;
  }

  #start(
    consumerOf: CrashScenarioOptions['consumer'],
    db: RunningDatabase,
    point: () => Promise<void>,
  ): RunningDaemon {
    const of = async (
      { notificationLogId: id, attempt }: Notification,
      effect?: () => Promise<unknown>,
    ) => {
      const fate = this.#fates.get(id);
      await point();
      if (fate?.isCondemned) throw new Error('never');
      if (fate?.failsOnce && attempt === 1) throw new Error('not yet');
      if (fate?.awaitsStored) {
        const stored = await this.#storedBefore(id);
        // The dead learn nothing more.
        await point();
        for (const one of stored) this.#stored.add(one);
      }
      await effect?.();
      if (this.#stored.has(id)) this.#repeatedThoughStored.push(id);
      this.#handled.push(id);
      await point();
    };
    const consumer = consumerOf(this.#name, { of });
    const config = { maxBatchSize: this.#options.batch };
    return startDaemon(db, [consumer], { once: true, config });
  }

  /** Waits until the cursor has passed what is before this one; answers what needs no repeat. */
  async #storedBefore(id: number): Promise<readonly number[]> {
    const handled = this.#handled.filter((one) => one < id);
    await vi.waitFor(
      async () => {
        const { rows } = await this.#fixture.database.query(NOT_PASSED, [this.#name, id]);
        if (rows.length > 0) throw new Error(`not stored: ${JSON.stringify(rows)}`);
      },
      { timeout: 30_000, interval: 5 },
    );
    const left = await this.#fixture.redeliveries(this.#name);
    return handled.filter((one) => !left.some((row) => row.notification_id === one));
  }
}

type RunningDatabase = Parameters<typeof startDaemon>[0];

/** What is before a notification and not covered by its consumer's cursors. */
const NOT_PASSED = `
  select log.id from pgwatch.notification_log log, pgwatch.consumer c
  where c.name = $1 and log.channel = $1 and log.id < $2 and not exists (
    select from pgwatch.consumer_cursor k
    where k.consumer_id = c.id
      and k.partition = pgwatch.partition_of(log.key, log.id, c.partitions)
      and (pg_visible_in_snapshot(log.xid, k.seen)
           or (pg_visible_in_snapshot(log.xid, k.until) and log.id <= k.last_id))
  )`;
