import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { BODY } from '../contenders/contender.ts';
import type { Site } from '../harness/site.ts';
import { clock, type Worker } from '../harness/worker.ts';

const CONNECTIONS = 8;
/** What is not handled so long after the last write never will be. */
const PATIENCE_MS = 10_000;

/** Writes single rows at a steady rate, and tells how long after each its handler was called. */
export class LiveTraffic {
  readonly #pool: pg.Pool;
  readonly #worker: Worker;
  readonly #spacingMs: number;
  #number = 0;

  /** @param worker notes times */
  constructor(site: Site, worker: Worker, ratePerSecond: number) {
    this.#pool = new pg.Pool({ connectionString: site.url, max: CONNECTIONS });
    site.onEnd(() => this.#pool.end());
    this.#worker = worker;
    this.#spacingMs = 1_000 / ratePerSecond;
  }

  /** @returns milliseconds from the sending of each statement, so with its commit, to the handler */
  async until(end: Promise<unknown>): Promise<readonly number[]> {
    const sentAt = new Map<number, number>();
    const writes: Promise<unknown>[] = [];
    const going = new AbortController();
    const ended = end.finally(() => going.abort());
    for (let dueAt = clock(); !going.signal.aborted; dueAt += this.#spacingMs) {
      await pause(Math.max(0, dueAt - clock()));
      this.#number += 1;
      sentAt.set(this.#number, clock());
      writes.push(
        this.#pool.query({
          name: 'write',
          text: 'insert into changes (n, body) values ($1, $2)',
          values: [this.#number, BODY],
        }),
      );
    }
    await Promise.all([ended, ...writes]);
    return this.#latencies(sentAt);
  }

  async #latencies(sentAt: ReadonlyMap<number, number>): Promise<number[]> {
    const latencies: number[] = [];
    for (const givenUpAt = clock() + PATIENCE_MS; ; await pause(100)) {
      const { times } = await this.#worker.report();
      for (const [number, handledAt] of times) {
        const sent = sentAt.get(number);
        if (sent !== undefined) latencies.push(handledAt - sent);
      }
      if (latencies.length >= sentAt.size) return latencies;
      if (clock() > givenUpAt) {
        throw new Error(`${latencies.length} of ${sentAt.size} written rows were handled.`);
      }
    }
  }
}
