import { setMaxListeners } from 'node:events';
import type { Database } from '../../db/database.ts';
import { wholeLog } from '../../log/id-at-time.ts';
import type { Logger } from '../../logger.ts';
import { type Status, StatusReader } from '../../observe/status.ts';
import { History } from './history.ts';

/** Somebody looks. */
const WATCHED_EVERY_MS = 2_000;
/** Nobody looks; so that there is a past when somebody does. */
const UNWATCHED_EVERY_MS = 15_000;
/** What is so new is not read again. */
const FRESH_MS = 1_000;

/** Reads how things stand, again and again, once for all who look; and remembers. */
export class StatusWatch {
  readonly history: History;
  readonly #db: Database;
  readonly #logger: Logger;
  readonly #reader: StatusReader;
  readonly #watchers = new Set<() => void>();
  #latest: { readonly status: Status; readonly at: number } | undefined;
  #reading: { readonly status: Promise<Status>; readonly expired: number } | undefined;
  /** How often what was read has become old by something that was done here. */
  #expired = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #ended = new AbortController();

  constructor(db: Database, logger: Logger) {
    this.#db = db;
    this.#logger = logger;
    this.#reader = new StatusReader(db);
    this.history = new History(db);
    // Each open page waits for it.
    setMaxListeners(0, this.#ended.signal);
  }

  /** Aborts when there will be no further reading. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  start(): void {
    this.#again(0);
  }

  stop(): void {
    this.#ended.abort();
    clearTimeout(this.#timer);
  }

  /** How things stand, at most a second ago. @throws what the database throws */
  async read(): Promise<Status> {
    const latest = this.#latest;
    if (latest !== undefined && Date.now() - latest.at < FRESH_MS) return latest.status;
    return this.#readOnce();
  }

  /** Something was done: what was read before does not count any more. */
  expire(): void {
    this.#expired += 1;
    this.#latest = undefined;
  }

  /**
   * @param onChange told after each reading, until the returned function is called
   */
  watch(onChange: () => void): () => void {
    this.#watchers.add(onChange);
    if (this.#watchers.size === 1) this.#again(0);
    return () => this.#watchers.delete(onChange);
  }

  #again(afterMs: number): void {
    clearTimeout(this.#timer);
    if (this.#ended.signal.aborted) return;
    this.#timer = setTimeout(() => void this.#tick(), afterMs);
    this.#timer.unref();
  }

  async #tick(): Promise<void> {
    try {
      await this.#readOnce();
    } catch (err) {
      this.#logger.debug({ err }, 'status could not be read');
    }
    for (const tell of this.#watchers) tell();
    this.#again(this.#watchers.size > 0 ? WATCHED_EVERY_MS : UNWATCHED_EVERY_MS);
  }

  /** Those who come while it reads share the reading, unless something was done since it began. */
  async #readOnce(): Promise<Status> {
    const under = this.#reading;
    if (under !== undefined && under.expired < this.#expired) {
      await under.status.catch(() => {});
      return this.#readOnce();
    }
    if (under !== undefined) return under.status;
    const reading = { status: this.#readNow(this.#expired), expired: this.#expired };
    this.#reading = reading;
    try {
      return await reading.status;
    } finally {
      this.#reading = undefined;
    }
  }

  async #readNow(expired: number): Promise<Status> {
    const status = await this.#reader.read();
    const { lastId } = await wholeLog(this.#db.pool, this.#db.names.schema);
    await this.history.add(status, lastId);
    if (expired === this.#expired) this.#latest = { status, at: Date.now() };
    return status;
  }
}
