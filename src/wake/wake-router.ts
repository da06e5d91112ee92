import type { News } from '../log/news.ts';

/** Which channels may have something new. `all`: nobody knows, so everybody looks. */
export type Ring = readonly string[] | 'all';

/** Who is woken. Called often: it must be cheap, and come back at once. */
export interface Sleeper {
  /** @param news all that it is woken for; undefined: it has to look for itself */
  wake(news?: News): void;
}

/** Passes rings on to those who wait for a channel, who fetch, unless a ring brings what it is for. */
export class WakeRouter {
  readonly #waiting = new Map<Sleeper, ReadonlySet<string>>();

  add(sleeper: Sleeper, channels: readonly string[]): void {
    this.#waiting.set(sleeper, new Set(channels));
  }

  remove(sleeper: Sleeper): void {
    this.#waiting.delete(sleeper);
  }

  ring(ring: Ring, news?: News): void {
    for (const [sleeper, channels] of this.#waiting) {
      if (ring === 'all' || ring.some((channel) => channels.has(channel))) sleeper.wake(news);
    }
  }
}
