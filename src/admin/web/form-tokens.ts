import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/**
 * The tokens that forms carry, so that only pages of this server can write (CSRF): a foreign page can
 * send a visitor's cookie, but cannot read this. Each belongs to who sees the page; after a restart,
 * pages are to be loaded again.
 */
export class FormTokens {
  readonly #secret = randomBytes(32);

  /** @param owner the session, or whatever else tells visitors apart */
  of(owner: string): string {
    return this.#digest(owner).toString('base64url');
  }

  isOf(owner: string, token: string): boolean {
    const shown = Buffer.from(token, 'base64url');
    const expected = this.#digest(owner);
    return shown.length === expected.length && timingSafeEqual(shown, expected);
  }

  #digest(owner: string): Buffer {
    return createHmac('sha256', this.#secret).update(owner).digest();
  }
}
