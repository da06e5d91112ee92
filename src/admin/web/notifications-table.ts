import { html } from 'hono/html';
import { formatBytes } from '../../format.ts';
import type { DeliveryState } from '../../observe/delivery-state.ts';
import type { NotificationSummary } from '../../observe/notification-record.ts';
import { STATES } from './notification-choice.ts';
import { ago, badge, type Html, NONE, table } from './parts.ts';
import { SELECT_COLUMN, selectBox } from './select-box.ts';
import { type ShownSummary, shownSummary } from './shown-summary.ts';
import { visibleStart } from './visible.ts';
import type { Visit } from './visit.ts';

const LONGEST = 80;

/** Notifications with what has become of them; operators can select them. */
export function notificationsTable(
  visit: Visit,
  notifications: readonly NotificationSummary[],
  now: Date,
  empty: Html | string,
): Html {
  return table({
    caption: 'Notifications, newest first',
    columns: [
      ...(visit.isOperator ? [SELECT_COLUMN] : []),
      { title: 'Id' },
      { title: 'Channel' },
      { title: 'About' },
      { title: 'Consumers' },
      { title: 'Size', numeric: true },
      { title: 'Written', numeric: true },
    ],
    rows: notifications.map((notification) => {
      const { id, channel, deliveries, storedBytes, writtenAt } = notification;
      return [
        ...(visit.isOperator ? [selectBox(id)] : []),
        html`<a class="name id" href="${visit.url(`/notifications/${id}`)}">${id}</a>`,
        html`<bdi>${visibleStart(channel, LONGEST)}</bdi>`,
        about(shownSummary(notification, visit.site.redaction)),
        badges(deliveries),
        formatBytes(storedBytes),
        ago(writtenAt, now),
      ];
    }),
    empty,
  });
}

/** The change of a row, or the key that was given. */
export function about({ key, table: of, action, recordId }: ShownSummary): Html {
  if (of === undefined) {
    return key === undefined ? NONE : html`<bdi class="muted">${visibleStart(key, LONGEST)}</bdi>`;
  }
  return html`${
    action === undefined ? '' : html`<span class="verb">${visibleStart(action, LONGEST)}</span> `
  }<bdi>${visibleStart(of, LONGEST)}</bdi>${
    recordId === undefined ? '' : html` <bdi class="muted">${visibleStart(recordId, LONGEST)}</bdi>`
  }`;
}

function badges(deliveries: Readonly<Partial<Record<DeliveryState, number>>>): Html {
  const found = STATES.flatMap((state) => {
    const number = deliveries[state] ?? 0;
    return number === 0 ? [] : [badge(state, number === 1 ? state : `${number} ${state}`)];
  });
  return found.length === 0
    ? html`<span class="muted">nobody’s</span>`
    : html`<span class="badges">${found}</span>`;
}
