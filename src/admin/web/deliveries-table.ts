import { html } from 'hono/html';
import type { Delivery, NotificationRecord } from '../../observe/notification-record.ts';
import { consumerPath } from './consumer-path.ts';
import { ago, badge, type Html, NONE, table } from './parts.ts';
import { reviewLinks } from './review-links.ts';
import { visibleStart } from './visible.ts';
import type { Visit } from './visit.ts';

const LONGEST_ERROR = 4_000;

/** What has become of a notification for each consumer. */
export function deliveriesTable(
  visit: Visit,
  { id, deliveries }: Pick<NotificationRecord, 'id' | 'deliveries'>,
  now: Date,
): Html {
  return table({
    caption: 'What has become of it for each consumer',
    columns: [
      { title: 'Consumer' },
      { title: 'State' },
      { title: 'Attempts', numeric: true },
      { title: 'Next', numeric: true },
      { title: 'Error' },
      ...(visit.isOperator ? [{ title: 'Again', numeric: true }] : []),
    ],
    rows: deliveries.map((delivery) => [
      html`<a class="name" href="${visit.url(consumerPath(delivery.consumer))}">${delivery.consumer}</a>`,
      badge(delivery.state),
      delivery.attempts ?? NONE,
      delivery.waitsForKey ? 'behind its key' : ago(delivery.dueAt, now),
      errorOf(delivery, now),
      ...(visit.isOperator ? [replayLink(visit, id, delivery)] : []),
    ]),
    empty: 'No consumer that is known has its channel.',
  });
}

function errorOf({ error, since }: Delivery, now: Date): Html {
  if (error === undefined) return NONE;
  const [line = '', ...more] = visibleStart(error, LONGEST_ERROR).split('\n');
  const first = html`<span class="error">${line}</span>`;
  if (more.length === 0) return html`${first} <span class="muted">${ago(since, now)}</span>`;
  return html`<details class="stack">
    <summary>${first}</summary>
    <pre tabindex="0" role="region" aria-label="Stack"><code>${more.join('\n')}</code></pre>
    <span class="muted">${ago(since, now)}</span>
  </details>`;
}

/** Leads to a page that asks; what comes anyway needs none. */
function replayLink(visit: Visit, id: number, { consumer, state }: Delivery): Html {
  if (state === 'pending' || state === 'retrying') return NONE;
  if (state === 'dead') return reviewLinks(visit, consumer, id);
  const href = visit.url('/notifications/replay', { consumer, id: String(id) });
  return html`<a href="${href}">Replay<span class="sr"> for ${consumer}</span>…</a>`;
}
