import type { Context } from 'hono';
import { html } from 'hono/html';
import type { Identity } from '../credentials.ts';
import type { Env } from '../gates.ts';
import { checkCredentials } from '../known-visitor.ts';
import { document, MARK } from '../layout.ts';
import type { Html } from '../parts.ts';
import { removeSessionCookie, sessionSecretsOf, setSessionCookie } from '../session-cookie.ts';
import type { Site } from '../site.ts';

/** Whose form tokens those of the page to sign in at are: nobody is known there. */
const OWNER = 'sign-in';

type Page = Context<Env>;

export function openSignIn(context: Page, site: Site): Response | Promise<Response> {
  if (!site.credentials.areConfigured) return context.redirect(`${context.get('prefix')}/`, 303);
  return page(context, site, nextOf(context.req.query('next')), undefined);
}

/** A token alone, or a user's name and password. */
export async function signIn(context: Page, site: Site): Promise<Response> {
  const form = new URLSearchParams(await context.req.text());
  const next = nextOf(form.get('next') ?? undefined);
  if (!site.formTokens.isOf(OWNER, form.get('token') ?? '')) {
    return page(context, site, next, 'This page was out of date. Please try again.');
  }
  const user = form.get('user')?.trim() ?? '';
  const address = context.get('address');
  const checked = checkCredentials(site, address, {
    user: user === '' ? undefined : user,
    secret: form.get('secret') ?? '',
  });
  if (checked === 'too many') {
    return page(context, site, next, 'Too many wrong tries. Wait for a minute.');
  }
  if (checked === 'wrong') {
    return page(
      context,
      site,
      next,
      'These credentials are wrong. With a token, leave the user empty.',
    );
  }
  note(site, 'sign-in', checked, address);
  // The cookie is overwritten; nobody could end that session any more.
  for (const secret of sessionSecretsOf(context.req.header('cookie'), context.req.header('host'))) {
    site.sessions.close(secret);
  }
  setSessionCookie(context, site.sessions.open(checked));
  return context.redirect(`${context.get('prefix')}${next}`, 303);
}

export function signOut(context: Page, site: Site): Response {
  const known = context.get('known');
  if (known !== undefined) note(site, 'sign-out', known.identity, context.get('address'));
  if (known?.session !== undefined) site.sessions.close(known.session);
  removeSessionCookie(context);
  return context.redirect(`${context.get('prefix')}/sign-in`, 303);
}

function note({ auditLog }: Site, action: string, { name, role }: Identity, address: string): void {
  auditLog.info({ action, who: name, role, address }, 'admin action');
}

/** Only a path of ours: whoever wrote the link must not send people elsewhere. */
function nextOf(next: string | undefined): string {
  return next !== undefined && /^\/(?![/\\])[^\\\p{Cc}]*$/u.test(next) ? next : '/';
}

async function page(
  context: Page,
  site: Site,
  next: string,
  problem: string | undefined,
): Promise<Response> {
  const url = (path: string) => `${context.get('prefix')}${path}`;
  const body: Html = html`<body class="alone">
    <main id="main" class="card sign-in">
      <h1>${MARK} Sign in to pgwatch</h1>
      ${problem === undefined ? '' : html`<p class="notice problem" role="alert">${problem}</p>`}
      <form method="post" action="${url('/sign-in')}">
        <input type="hidden" name="token" value="${site.formTokens.of(OWNER)}" />
        <input type="hidden" name="next" value="${next}" />
        <label>
          <span>User <span class="muted">(empty with a token)</span></span>
          <input name="user" autocomplete="username" autocapitalize="none" spellcheck="false" />
        </label>
        <label>
          <span>Password or token</span>
          <input name="secret" type="password" autocomplete="current-password" required />
        </label>
        <button type="submit">Sign in</button>
      </form>
    </main>
  </body>`;
  const text = String(await document({ url }, 'Sign in', body));
  return context.html(text, problem === undefined ? 200 : 403);
}
