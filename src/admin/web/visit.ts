import type { Context } from 'hono';
import type { Identity } from './credentials.ts';
import { type PageParts, pageHtml } from './layout.ts';
import type { Notice } from './notices.ts';
import { withoutPrefix } from './prefix.ts';
import type { Site } from './site.ts';

export interface VisitOptions {
  readonly site: Site;
  readonly context: Context;
  readonly prefix: string;
  readonly identity: Identity;
  /** Of this visitor. */
  readonly formToken: string;
  readonly address: string;
  /** What a POST sent; empty otherwise. */
  readonly form: URLSearchParams;
}

export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

/** One request of somebody who may make it. */
export class Visit {
  readonly site: Site;
  readonly identity: Identity;
  readonly formToken: string;
  readonly form: URLSearchParams;
  /** What stands behind the `?`. */
  readonly query: URLSearchParams;
  readonly #context: Context;
  readonly #prefix: string;
  readonly #address: string;

  constructor(options: VisitOptions) {
    this.site = options.site;
    this.identity = options.identity;
    this.formToken = options.formToken;
    this.form = options.form;
    this.query = new URL(options.context.req.url).searchParams;
    this.#context = options.context;
    this.#prefix = options.prefix;
    this.#address = options.address;
  }

  get isOperator(): boolean {
    return this.identity.role === 'operator';
  }

  get canSignOut(): boolean {
    return this.site.credentials.areConfigured;
  }

  /** The path, without the prefix. */
  get path(): string {
    return withoutPrefix(this.#context.req.path, this.#prefix);
  }

  /** A part of the path, decoded; empty when there is no such one. */
  param(name: string): string {
    return this.#context.req.param(name) ?? '';
  }

  /** The address of a page of ours, as the browser needs it. */
  url(path: string, query: Query = {}): string {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      if (value === undefined) continue;
      for (const one of typeof value === 'string' ? [value] : value) search.append(name, one);
    }
    const text = search.toString();
    return `${this.#prefix}${path}${text === '' ? '' : `?${text}`}`;
  }

  /** @param status default: 200 */
  async page(parts: PageParts, status: 200 | 400 | 404 | 409 | 500 | 503 = 200): Promise<Response> {
    return this.#context.html(await pageHtml(this, parts), status);
  }

  /** After an action: shows a page, with a notice of what was done. @param query of the page */
  redirect(path: string, notice: Notice, query: Query = {}): Response {
    this.site.watch.expire();
    const id = this.site.notices.add(notice);
    return this.#context.redirect(this.url(path, { ...query, notice: id }), 303);
  }

  /** Of the action before. */
  get notice(): Notice | undefined {
    return this.site.notices.find(this.query.get('notice') ?? '');
  }

  /** Notes who does what. Call it for every action, before it is carried out. */
  audit(action: string, what: Readonly<Record<string, unknown>>): void {
    const { name, role } = this.identity;
    this.site.logger.info(
      { action, who: name, role, address: this.#address, ...what },
      'admin action',
    );
  }
}
