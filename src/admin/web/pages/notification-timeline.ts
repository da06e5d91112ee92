import { html } from 'hono/html';
import { formatNumber } from '../../../format.ts';
import { keyIndexStatement } from '../../../observe/notification-filter.ts';
import { readNotification } from '../../../observe/notification-record.ts';
import { reading } from '../../../observe/reading.ts';
import {
  type HistoryEntry,
  type RowHistory,
  type RowHistorySearch,
  readRowHistory,
} from '../../../observe/row-history.ts';
import { serversNow } from '../../../observe/time.ts';
import { about } from '../notifications-table.ts';
import { ago, type Html } from '../parts.ts';
import type { Route } from '../route.ts';
import { shownSummary } from '../shown-summary.ts';
import { visible } from '../visible.ts';
import type { Visit } from '../visit.ts';

export const notificationTimelineRoutes: readonly Route[] = [
  { method: 'get', path: '/notifications/:id{[0-9]{1,15}}/timeline', handle: showTimeline },
];

/** On each side. */
const ENTRIES = 25;
const WITHIN_MS = 2_000;

/** The notifications of the same row, around one of them. */
async function showTimeline(visit: Visit): Promise<Response> {
  const { db } = visit.site;
  const id = Number(visit.param('id'));
  const parent = { title: `Notification ${id}`, href: visit.url(`/notifications/${id}`) };
  const record = await reading(db.pool, (reader) => readNotification(reader, db.names, id, 0));
  const by = record?.key === undefined ? 'record' : 'key';
  const history = await readRowHistory(db.pool, db.names, {
    id,
    by,
    limit: ENTRIES,
    withinMs: WITHIN_MS,
  });
  const now = await serversNow(db.pool);
  const content = html`<div id="timeline" class="timeline">
    ${lookedAt(visit, history, by)} ${history.moreNewer ? more('newer') : ''}
    <ol>
      ${history.newer.map((entry) => entryOf(visit, entry, now))}
      ${record === undefined ? '' : entryOf(visit, record, now, true)}
      ${history.older.map((entry) => entryOf(visit, entry, now))}
    </ol>
    ${history.moreOlder ? more('older') : ''}
  </div>`;
  return visit.page({ title: 'Timeline', parent, content });
}

function entryOf(visit: Visit, entry: HistoryEntry, now: Date, isThis = false): Html {
  const { id, writtenAt, channel } = entry;
  const what = html`${about(shownSummary(entry, visit.site.redaction))}`;
  return html`<li ${isThis ? html`aria-current="true"` : ''}>
    ${isThis ? html`<strong>${id}</strong>` : html`<a class="name id" href="${visit.url(`/notifications/${id}`)}">${id}</a>`}
    <span>${what}</span>
    <bdi class="muted">${visible(channel)}</bdi>
    <span class="muted">${isThis ? 'this one, ' : ''}${ago(writtenAt, now)}</span>
  </li>`;
}

function more(which: 'newer' | 'older'): Html {
  return html`<p class="muted">There are ${which} ones. Open the ${which === 'newer' ? 'first' : 'last'} of these to see them.</p>`;
}

/** What was not looked at, and how it would be quick. */
function lookedAt(
  visit: Visit,
  { lookedAt: range }: RowHistory,
  by: RowHistorySearch['by'],
): Html | '' {
  if (range === undefined) return '';
  return html`<div class="notice problem">
    <p>
      There was time to look only at ids from ${formatNumber(range.firstId)} to
      ${formatNumber(range.lastId)}.
    </p>
    ${
      by === 'record'
        ? ''
        : html`<p>
            Keys are found at once when there is an index, which costs those who write a little:
            <code>${keyIndexStatement(visit.site.db.names)}</code>
          </p>`
    }
  </div>`;
}
