import { html } from 'hono/html';
import { PgwatchError } from '../../../errors.ts';
import { formatNumber } from '../../../format.ts';
import { keyIndexStatement } from '../../../observe/notification-filter.ts';
import { type Found, searchNotifications } from '../../../observe/notification-search.ts';
import { serversNow } from '../../../observe/time.ts';
import { hidden, select } from '../forms.ts';
import { type KnownNames, knownNames } from '../known-names.ts';
import {
  chosen,
  type NotificationChoice,
  notificationChoice,
  queryOf,
} from '../notification-choice.ts';
import { notificationFilters } from '../notification-filters.ts';
import { notificationsTable } from '../notifications-table.ts';
import { type Html, liveWhile } from '../parts.ts';
import type { Route } from '../route.ts';
import { SELECT_ALL } from '../select-box.ts';
import { shownSummary } from '../shown-summary.ts';
import { visible } from '../visible.ts';
import type { Visit } from '../visit.ts';

export const notificationsRoutes: readonly Route[] = [
  { method: 'get', path: '/notifications', handle: showNotifications },
];

const ON_A_PAGE = 50;
/** How long somebody waits gladly. */
const WITHIN_MS = 2_000;
/** What took longer is not asked for again and again. */
const LIVE_WITHIN_MS = 250;

async function showNotifications(visit: Visit): Promise<Response> {
  const choice = await choiceOf(visit);
  const [names, { notice, list = '', pages = '' }] = await Promise.all([
    knownNames(visit),
    choice instanceof PgwatchError ? misunderstood(choice) : results(visit, choice),
  ]);
  const bar = visit.isOperator ? replayBar(visit, names) : '';
  return visit.page({
    title: 'Notifications',
    content: html`${notificationFilters(visit, names)} ${notice}
      <form method="get" action="${visit.url('/notifications/replay')}">
        ${hidden([['from', new URLSearchParams(chosen(visit.query)).toString()]])} ${bar} ${list}
      </form>
      ${pages}`,
  });
}

interface Results {
  readonly notice: Html | '';
  readonly list?: Html;
  readonly pages?: Html;
}

function misunderstood({ message, hint = '' }: PgwatchError): Results {
  return {
    notice: html`<div class="notice problem" role="alert"><p>${visible(message)} ${hint}</p></div>`,
  };
}

async function results(visit: Visit, choice: NotificationChoice): Promise<Results> {
  const { db, redaction } = visit.site;
  const { filter, consumer, state, beforeId, isByKey } = choice;
  const began = performance.now();
  const found = await searchNotifications(db.pool, db.names, {
    filter,
    consumer,
    state,
    beforeId,
    limit: ON_A_PAGE,
    withinMs: WITHIN_MS,
  });
  const isQuick = performance.now() - began < LIVE_WITHIN_MS && beforeId === undefined;
  const now = await serversNow(db.pool);
  // Whoever found by a redacted key would know it.
  const shown = found.notifications.filter(
    (notification) => !isByKey || !shownSummary(notification, redaction).isKeyHidden,
  );
  const isAll = shown.length === found.notifications.length;
  const told = isAll ? found : { ...found, nextBeforeId: undefined, incomplete: false };
  const list = notificationsTable(visit, shown, now, emptyText(visit, told));
  return {
    notice: slowNotice(visit, choice, told),
    list: liveWhile(isQuick, 'notifications', list),
    // With the list: its last row is where the older ones begin.
    pages: liveWhile(isQuick, 'pages', pageLinks(visit, choice, told)),
  };
}

/** What cannot be understood is said beside the form, which keeps it. */
async function choiceOf(visit: Visit): Promise<NotificationChoice | PgwatchError> {
  try {
    return await notificationChoice(visit.query, visit.site);
  } catch (error) {
    if (error instanceof PgwatchError && error.kind === 'usage') return error;
    throw error;
  }
}

function emptyText(visit: Visit, { incomplete }: Found): Html {
  if (incomplete) return html`Nothing was found so far.`;
  if (chosen(visit.query).length > 0) {
    return html`Nothing matches. <a href="${visit.url('/notifications')}">Show all</a>`;
  }
  return html`The log is empty. Send something: <code>pgwatch notify orders '{"id": 1}'</code>`;
}

/** How far it came, how to go on, and how to make it quick. */
function slowNotice(visit: Visit, { filter }: NotificationChoice, found: Found): Html | '' {
  const { incomplete, nextBeforeId } = found;
  if (!incomplete || nextBeforeId === undefined) return '';
  const goOn = visit.url('/notifications', queryOf(visit.query, { before: String(nextBeforeId) }));
  return html`<div class="notice problem" role="status">
    <p>
      There was not time to look at everything: so far only at what has an id from
      ${formatNumber(nextBeforeId)} on. <a href="${goOn}">Go on from here</a>
    </p>
    <p>
      ${
        filter.key === undefined
          ? 'It is quicker when you also choose a channel, or when it was written.'
          : html`Keys are found at once when there is an index, which costs those who write a little:
              <code>${keyIndexStatement(visit.site.db.names)}</code>`
      }
    </p>
  </div>`;
}

/** Leads to a page that counts, and asks. */
function replayBar(visit: Visit, { consumers }: KnownNames): Html {
  return html`<div class="actions bar">
    ${SELECT_ALL}
    <button type="submit" data-needs-selection>
      Replay selected <span data-selected-count></span>
    </button>
    ${select({ name: 'consumer', label: html`for<span class="sr"> the consumer</span>`, value: visit.query.get('consumer'), options: consumers, none: 'choose…' })}
  </div>`;
}

function pageLinks(visit: Visit, { beforeId }: NotificationChoice, found: Found): Html {
  const { nextBeforeId, incomplete } = found;
  const hasOlder = nextBeforeId !== undefined && !incomplete;
  if (beforeId === undefined && !hasOlder) return html``;
  return html`<div class="actions" role="navigation" aria-label="Pages of the list">
    ${
      beforeId === undefined
        ? ''
        : html`<a class="button" href="${visit.url('/notifications', queryOf(visit.query))}">Newest</a>`
    }
    ${
      !hasOlder
        ? ''
        : html`<a
            class="button"
            rel="next"
            href="${visit.url('/notifications', queryOf(visit.query, { before: String(nextBeforeId) }))}"
            >Older</a
          >`
    }
  </div>`;
}
