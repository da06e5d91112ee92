import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Env } from './gates.ts';
import { withoutPrefix } from './prefix.ts';

/** An answer of one sentence. */
export function plain(context: Context, status: ContentfulStatusCode, text: string): Response {
  return context.text(`${text}\n`, status);
}

/** Shows people where to sign in, and tells programs. */
export function askToSignIn(
  context: Context<Env>,
  because: 'unknown' | 'wrong' | 'too many',
): Response {
  if (because === 'too many') {
    return plain(context, 429, 'Too many wrong credentials. Wait for a minute.');
  }
  const isPage =
    context.req.method === 'GET' && /text\/html/.test(context.req.header('accept') ?? '');
  if (because === 'unknown' && isPage) {
    const prefix = context.get('prefix');
    const { pathname, search } = new URL(context.req.url);
    const next = `${withoutPrefix(pathname, prefix)}${search}`;
    return context.redirect(`${prefix}/sign-in?next=${encodeURIComponent(next)}`, 303);
  }
  // Only those who use it are asked for it again: a browser would open its own dialogue.
  if (because === 'wrong')
    context.header('WWW-Authenticate', 'Basic realm="pgwatch", charset="UTF-8"');
  return plain(context, 401, 'Credentials are needed.');
}
