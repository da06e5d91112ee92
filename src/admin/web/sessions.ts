import { createHash, randomBytes } from 'node:crypto';
import type { Identity } from './credentials.ts';

interface Session {
  readonly identity: Identity;
  readonly until: number;
}

/** Sign in once a working day. */
const LASTS_MS = 12 * 3_600_000;
/** Of one name; whoever signs in more often loses their own oldest, and nobody else's. */
const AT_MOST = 100;

/**
 * Who has signed in, in this process: after a restart all sign in again. Kept under a digest, so that
 * what is found in memory opens nothing.
 */
export class Sessions {
  readonly #sessions = new Map<string, Session>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  static readonly lastsSeconds = LASTS_MS / 1000;

  /** @returns the secret for the cookie */
  open(identity: Identity): string {
    const secret = randomBytes(32).toString('base64url');
    const own = [...this.#sessions].filter(
      ([, session]) =>
        session.identity.name === identity.name && session.identity.role === identity.role,
    );
    for (const [key] of own.slice(0, Math.max(0, own.length + 1 - AT_MOST))) {
      this.#sessions.delete(key);
    }
    this.#sessions.set(keyOf(secret), { identity, until: this.#now() + LASTS_MS });
    return secret;
  }

  find(secret: string): Identity | undefined {
    const key = keyOf(secret);
    const session = this.#sessions.get(key);
    if (session === undefined) return undefined;
    if (session.until > this.#now()) return session.identity;
    this.#sessions.delete(key);
    return undefined;
  }

  close(secret: string): void {
    this.#sessions.delete(keyOf(secret));
  }
}

function keyOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64');
}
