import { html } from 'hono/html';
import { NAVIGATION } from './navigation.ts';
import type { Html } from './parts.ts';
import type { Visit } from './visit.ts';

export interface PageParts {
  readonly title: string;
  /** Above the title: where this page belongs to. */
  readonly parent?: { readonly title: string; readonly href: string };
  /** Beside the title. */
  readonly aside?: Html;
  readonly content: Html;
}

/** A whole page. What changes by itself stands in `live()` parts; see assets/admin/live.js. */
export async function pageHtml(visit: Visit, parts: PageParts): Promise<string> {
  const { title, parent, aside, content } = parts;
  const page = document(
    visit,
    title,
    html`<body>
      <a class="skip" href="#main">Skip to the content</a>
      <header class="side">
        <a class="brand" href="${visit.url('/')}">${MARK}<span>pgwatch</span></a>
        ${navigation(visit)} ${who(visit)}
      </header>
      <main id="main" tabindex="-1">
        <div class="head">
          <div>
            ${
              parent === undefined
                ? ''
                : html`<p class="parent"><a href="${parent.href}">${parent.title}</a></p>`
            }
            <h1>${title}</h1>
          </div>
          <div class="aside">${aside ?? ''}</div>
        </div>
        ${notice(visit)} ${content}
      </main>
      <p class="sr" id="said" role="status" aria-live="polite"></p>
    </body>`,
  );
  return String(await page);
}

/** The frame of every page, also of the one to sign in at. */
export function document(visit: Pick<Visit, 'url'>, title: string, body: Html): Html {
  return html`<!doctype html>
    <html lang="en" data-base="${visit.url('')}">
      <head>
        <meta charset="utf-8" />
        <title>${title} · pgwatch</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <link rel="icon" href="${visit.url('/assets/icon.svg')}" type="image/svg+xml" />
        <link rel="stylesheet" href="${visit.url('/assets/uplot.css')}" />
        <link rel="stylesheet" href="${visit.url('/assets/admin.css')}" />
        <script type="module" src="${visit.url('/assets/admin.js')}"></script>
      </head>
      ${body}
    </html>`;
}

export const MARK: Html = html`<svg
  class="mark"
  viewBox="0 0 24 24"
  aria-hidden="true"
  focusable="false"
>
  <rect x="2" y="3" width="20" height="18" rx="5" fill="currentColor" />
  <path
    d="M6 13h3l2-5 3 9 2-4h2"
    fill="none"
    class="mark-line"
    stroke-width="1.8"
    stroke-linecap="round"
    stroke-linejoin="round"
  />
</svg>`;

function navigation(visit: Visit): Html {
  const here = visit.path;
  return html`<nav aria-label="Pages">
    <ul>
      ${NAVIGATION.map(({ path, title }) => {
        const isHere = path === '/' ? here === '/' : here === path || here.startsWith(`${path}/`);
        return html`<li>
          <a href="${visit.url(path)}" ${isHere ? html`aria-current="page"` : ''}>${title}</a>
        </li>`;
      })}
    </ul>
  </nav>`;
}

function who(visit: Visit): Html {
  const { name, role } = visit.identity;
  return html`<div class="who">
    <p><span class="live-light" id="live-light" data-state="off" hidden>not live</span></p>
    <p class="muted">${role === 'operator' ? `${name}, operator` : `${name}, read-only`}</p>
    ${
      visit.canSignOut
        ? html`<form method="post" action="${visit.url('/sign-out')}">
            <input type="hidden" name="token" value="${visit.formToken}" />
            <button class="quiet" type="submit">Sign out</button>
          </form>`
        : ''
    }
  </div>`;
}

function notice(visit: Visit): Html | '' {
  const found = visit.notice;
  if (found === undefined) return '';
  return html`<p class="notice ${found.kind}" role="status">
    <span aria-hidden="true">${found.kind === 'done' ? '✓' : '!'}</span> ${found.text}
  </p>`;
}
