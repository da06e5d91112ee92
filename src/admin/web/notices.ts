import { randomBytes } from 'node:crypto';

export interface Notice {
  readonly kind: 'done' | 'problem';
  readonly text: string;
}

/** Long enough for the page that follows an action, and for its reloads. */
const LASTS_MS = 60_000;
const AT_MOST = 1_000;

/**
 * What the page after an action says of it. Links name them by an id that cannot be guessed, or others
 * could make the page say what they like.
 */
export class Notices {
  readonly #notices = new Map<string, { readonly notice: Notice; readonly until: number }>();

  /** @returns its id */
  add(notice: Notice): string {
    const id = randomBytes(12).toString('base64url');
    for (const [key, { until }] of this.#notices) {
      if (until > Date.now() && this.#notices.size < AT_MOST) break;
      this.#notices.delete(key);
    }
    this.#notices.set(id, { notice, until: Date.now() + LASTS_MS });
    return id;
  }

  find(id: string): Notice | undefined {
    const found = this.#notices.get(id);
    return found !== undefined && found.until > Date.now() ? found.notice : undefined;
  }
}
