import type { Context } from 'hono';
import { isRecord } from '../../is-record.ts';
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
    this.site.auditLog.info(
      { action, who: name, role, address: this.#address, ...shortened(what) },
      'admin action',
    );
  }
}

/** Of a list or a text that somebody sent, so much is logged; the rest is counted. */
const LOGGED_ITEMS = 100;
const LOGGED_CHARACTERS = 1_000;

/** The same, for a line of a log: forms can be megabytes. */
function shortened(what: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(what).map(([name, value]) => [name, short(value)]));
}

function short(value: unknown): unknown {
  if (typeof value === 'string' && value.length > LOGGED_CHARACTERS) {
    return `${value.slice(0, LOGGED_CHARACTERS)}… (${value.length} characters)`;
  }
  if (Array.isArray(value)) {
    const more = value.length - LOGGED_ITEMS;
    return [...value.slice(0, LOGGED_ITEMS).map(short), ...(more > 0 ? [`and ${more} more`] : [])];
  }
  return isRecord(value) && !(value instanceof Date) ? shortened(value) : value;
}
