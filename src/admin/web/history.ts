import type { Database } from '../../db/database.ts';
import { idAtTime, wholeLog } from '../../log/id-at-time.ts';
import type { LogStatus } from '../../observe/log-status.ts';
import type { Status } from '../../observe/status.ts';

export interface Moment {
  /** Milliseconds since 1970, by the server's clock, as are the times in the log. */
  readonly at: number;
  /** Notifications that were written a second, since the moment before. */
  readonly written: number;
  /** That all consumers together have handled a second; undefined: before anybody watched. */
  readonly handled: number | undefined;
  /** By consumer. */
  readonly rates: ReadonlyMap<string, number>;
}

type Reading = Pick<Status, 'rates'> & { readonly log: Pick<LogStatus, 'at'> };

const KEPT_MS = 3_600_000;
const APART_MS = 4_000;
/** How far the log tells what was written before this process began. */
const BEFORE_MINUTES = 30;

/** What happened in the last hour: from the log what was written, watched what was handled. */
export class History {
  readonly #db: Pick<Database, 'pool' | 'names'>;
  #moments: Moment[] = [];
  #last: { readonly at: number; readonly lastId: number } | undefined;
  /** What each consumer has handled since the last moment; readings come more often than moments. */
  #handled = new Map<string, number>();
  /** The newest reading, by the server's clock. */
  #readAt = 0;

  constructor(db: Pick<Database, 'pool' | 'names'>) {
    this.#db = db;
  }

  /** Oldest first. */
  get moments(): readonly Moment[] {
    return this.#moments;
  }

  /** Those of the last so many milliseconds before the newest reading. */
  within(milliseconds: number): readonly Moment[] {
    return this.#moments.filter(({ at }) => at >= this.#readAt - milliseconds);
  }

  /** @param status with the rates since the time before @param lastId the highest of the log */
  async add({ rates, log }: Reading, lastId: number): Promise<void> {
    const at = log.at.getTime();
    const last = this.#last;
    // Another server's clock may be behind.
    if (last === undefined || at < last.at) {
      this.#moments = await this.#before(at);
      this.#last = { at, lastId };
      this.#handled = new Map();
      this.#readAt = at;
      return;
    }
    const sinceReading = Math.max(0, at - this.#readAt) / 1000;
    this.#readAt = at;
    for (const [consumer, rate] of rates) {
      this.#handled.set(consumer, (this.#handled.get(consumer) ?? 0) + rate * sinceReading);
    }
    if (at - last.at < APART_MS) return;
    const seconds = (at - last.at) / 1000;
    const perSecond = new Map(
      [...this.#handled].map(([consumer, number]) => [consumer, number / seconds]),
    );
    this.#handled = new Map();
    const handled = [...perSecond.values()].reduce((sum, rate) => sum + rate, 0);
    // A log that was emptied, or another one.
    const written = Math.max(0, lastId - last.lastId) / seconds;
    this.#moments.push({ at, written, handled, rates: perSecond });
    this.#moments = this.#moments.filter((moment) => moment.at > at - KEPT_MS);
    this.#last = { at, lastId };
  }

  /** Ids and times run together, so ids tell how much was written in each minute; but for a few that were rolled back. */
  async #before(now: number): Promise<Moment[]> {
    const { pool, names } = this.#db;
    const whole = await wholeLog(pool, names.schema);
    if (whole.lastId === 0) return [];
    const moments: Moment[] = [];
    let lastId = whole.lastId + 1;
    for (let minutes = 1; minutes <= BEFORE_MINUTES; minutes += 1) {
      const began = now - minutes * 60_000;
      const range = { firstId: whole.firstId, lastId: Math.max(whole.firstId, lastId - 1) };
      const id = await idAtTime(pool, names.schema, range, new Date(began));
      const written = Math.max(0, lastId - id) / 60;
      moments.unshift({ at: began + 60_000, written, handled: undefined, rates: new Map() });
      lastId = Math.min(lastId, id);
    }
    return moments;
  }
}
