import type { ClientBase } from 'pg';
import { BEFORE_EVERYTHING, type Snapshot } from '../cursor/snapshot.ts';
import type { Names } from '../db/names.ts';
import { fetchNews, type News } from '../log/news.ts';
import { probe } from './probe.ts';
import type { Ring } from './wake-router.ts';

/** What a look found. */
export interface Found {
  /** The channels of what became visible since the last look; empty: nothing did. */
  readonly ring: Ring;
  /** All of that, if it was brought along. */
  readonly news?: News | undefined;
}

/** So often nobody here may take what is brought along, before nothing is brought for a while. */
const LOOKS_IN_VAIN = 5;
/** For so long nothing is brought at first. A stall is over soon; who is busy for longer doubles it. */
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1_000;

/** The looks of one session, each from where the last one ended: nothing is passed over. */
export class Looks {
  readonly #client: ClientBase;
  readonly #names: Names;
  #seen: Snapshot = BEFORE_EVERYTHING;
  #lastNews: News | undefined;
  #inVain = 0;
  #pauseMs = FIRST_PAUSE_MS;
  #bringsAgainAt = 0;

  constructor(client: ClientBase, names: Names) {
    this.#client = client;
    this.#names = names;
  }

  /** Tells the channels only. */
  async look(): Promise<Found> {
    const { snapshot, ring } = await probe(this.#client, this.#names, this.#seen);
    this.#seen = snapshot;
    return { ring };
  }

  /**
   * Brings along what it finds, which spares our own consumers a fetch: a trip to the server. Not where
   * it is much, and not while nobody here takes it, being busy, elsewhere, or split into partitions.
   */
  async lookForNews(): Promise<Found> {
    if (performance.now() < this.#bringsAgainAt) return this.look();
    const news = await fetchNews(this.#client, this.#names, this.#seen);
    if (news === undefined) {
      this.#bringNothingForAWhile();
      return this.look();
    }
    this.#seen = news.until;
    const ring = news.channels;
    if (ring.length === 0) return { ring };
    if (this.#lastNews?.isTaken === true) this.#pauseMs = FIRST_PAUSE_MS;
    this.#inVain = this.#lastNews?.isTaken === false ? this.#inVain + 1 : 0;
    this.#lastNews = news;
    if (this.#inVain >= LOOKS_IN_VAIN) this.#bringNothingForAWhile();
    return { ring, news };
  }

  #bringNothingForAWhile(): void {
    this.#inVain = 0;
    this.#lastNews = undefined;
    this.#bringsAgainAt = performance.now() + this.#pauseMs;
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, 2 * this.#pauseMs);
  }
}
