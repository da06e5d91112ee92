import type { Visit } from './visit.ts';

/** A page, or an action: what a POST does. Only operators come to an action, from our own pages. */
export interface Route {
  readonly method: 'get' | 'post';
  /** As Hono writes it: `/consumers/:consumer`. */
  readonly path: string;
  readonly handle: (visit: Visit) => Promise<Response> | Response;
}
