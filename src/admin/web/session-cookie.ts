import type { Context } from 'hono';
import { deleteCookie, setCookie } from 'hono/cookie';
import type { Env } from './gates.ts';
import { Sessions } from './sessions.ts';

/**
 * What a request shows for a session. A browser sends several cookies of one name where they have been
 * set for several paths, such as before and after the prefix was changed.
 */
export function sessionSecretsOf(
  cookie: string | undefined,
  host: string | undefined,
): readonly string[] {
  const name = nameOf(host);
  return (cookie ?? '').split(';').flatMap((pair) => {
    const [key = '', value] = pair.trim().split('=', 2);
    return key === name && value !== undefined ? [value] : [];
  });
}

/** No script can read it, and no page of another site makes a browser send it. */
export function setSessionCookie(context: Context<Env>, secret: string): void {
  setCookie(context, nameOf(context.req.header('host')), secret, {
    path: pathOf(context),
    httpOnly: true,
    sameSite: 'Strict',
    // Behind a proxy only the browser knows; it says so in each form that it sends.
    secure: context.req.header('origin')?.startsWith('https:') === true,
    maxAge: Sessions.lastsSeconds,
  });
}

export function removeSessionCookie(context: Context<Env>): void {
  deleteCookie(context, nameOf(context.req.header('host')), { path: pathOf(context) });
}

function pathOf(context: Context<Env>): string {
  return `${context.get('prefix')}/`;
}

/** Cookies do not tell ports apart, and there may be several servers on one machine. */
function nameOf(host: string | undefined): string {
  return `pgwatch_${/:(?<port>\d+)$/.exec(host ?? '')?.groups?.['port'] ?? 'session'}`;
}
