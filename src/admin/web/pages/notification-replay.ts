import { html } from 'hono/html';
import { PgwatchError } from '../../../errors.ts';
import { formatCount } from '../../../format.ts';
import { countReplay } from '../../../steer/replay.ts';
import { chosenFilter } from '../chosen.ts';
import { consumerPath } from '../consumer-path.ts';
import { action } from '../forms.ts';
import { queryOf } from '../notification-choice.ts';
import type { Route } from '../route.ts';
import type { Visit } from '../visit.ts';

export const notificationReplayRoutes: readonly Route[] = [
  { method: 'get', path: '/notifications/replay', handle: review },
];

/** How many of the selected ones a consumer would handle again, before anything is done. */
async function review(visit: Visit): Promise<Response> {
  const { db } = visit.site;
  const consumer = visit.query.get('consumer')?.trim() ?? '';
  // What was searched for when these were selected.
  const from = queryOf(new URLSearchParams(visit.query.get('from') ?? ''));
  const parent = { title: 'Notifications', href: visit.url('/notifications', from) };
  const { ids } = await chosenFilter(visit.query, visit.site);
  if (consumer === '' || ids === undefined) {
    throw new PgwatchError('USAGE', {
      what: ids === undefined ? 'Nothing is selected.' : 'No consumer is chosen.',
      hint: 'Go back, and choose what is to be handled again, and by which consumer.',
    });
  }
  const selected = new Set(ids).size;
  const number = await countReplay(db, { consumer, filter: { ids } });
  const left = selected - number;
  const others =
    left === 0
      ? ''
      : html`<p class="muted">
          ${formatCount(left, 'other')} of the selected ${left === 1 ? 'is' : 'are'} left alone: pending
          or retried anyway, not on a channel of ${consumer}, or not in the log any more.
        </p>`;
  if (number === 0) {
    const content = html`<div class="empty">
      Nothing that was selected can be handled again by ${consumer}. ${others}
    </div>`;
    return visit.page({ title: 'Nothing to replay', parent, content });
  }
  const what = formatCount(number, 'notification');
  return visit.page({
    title: `Replay ${what}?`,
    parent,
    content: html`<div class="card narrow">
      <p><strong>${consumer}</strong> handles ${what} again now; of one key in the order of the ids.</p>
      ${others}
      <div class="actions">
        ${action(visit, {
          path: consumerPath(consumer, 'replay'),
          label: `Replay ${what}`,
          tone: 'main',
          fields: ids.map((id): [string, string] => ['id', String(id)]),
        })}
        <a href="${parent.href}">Cancel</a>
      </div>
    </div>`,
  });
}
