import { html } from 'hono/html';
import type { Html } from './parts.ts';
import type { Visit } from './visit.ts';

/** What can be done with one dead letter; each leads to a page that asks. */
export function reviewLinks(visit: Visit, consumer: string, id: number): Html {
  const link = (what: 'replay' | 'discard', text: string) =>
    html`<a
      href="${visit.url('/dead-letters/review', { consumer, do: `${what} selected`, id: String(id) })}"
      >${text}<span class="sr"> ${id} for ${consumer}</span>…</a
    >`;
  return html`<span class="links">${link('replay', 'Replay')} ${link('discard', 'Discard')}</span>`;
}
