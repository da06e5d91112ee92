import { html } from 'hono/html';
import { qualified } from '../../../db/names.ts';
import { formatBytes, formatCount } from '../../../format.ts';
import { type NotificationRecord, readNotification } from '../../../observe/notification-record.ts';
import { reading } from '../../../observe/reading.ts';
import { serversNow } from '../../../observe/time.ts';
import { changesIn } from '../change-diff.ts';
import { changeTable } from '../change-table.ts';
import { deliveriesTable } from '../deliveries-table.ts';
import { compactJson, indentedJson } from '../json-text.ts';
import { fieldOf, type JsonNode, parseJsonTree, withoutField } from '../json-tree.ts';
import { about } from '../notifications-table.ts';
import { ago, type Html, liveWhile, section } from '../parts.ts';
import type { Redaction } from '../redaction.ts';
import type { Route } from '../route.ts';
import { type ShownSummary, shownSummary } from '../shown-summary.ts';
import { visibleStart } from '../visible.ts';
import type { Visit } from '../visit.ts';

export const notificationRoutes: readonly Route[] = [
  { method: 'get', path: '/notifications/:id{[0-9]{1,15}}', handle: showNotification },
];

/** Characters of a payload that are read; longer ones are shown cut. */
const READ_AT_MOST = 1_000_000;
const SHOWN_LINES = 1_000;
const LONGEST_KEY = 300;

async function showNotification(visit: Visit): Promise<Response> {
  const { db, redaction } = visit.site;
  const id = Number(visit.param('id'));
  const { record, now } = await reading(db.pool, async (reader) => ({
    record: await readNotification(reader, db.names, id, READ_AT_MOST),
    now: await serversNow(reader),
  }));
  const parent = { title: 'Notifications', href: visit.url('/notifications') };
  if (record === undefined) {
    const content = html`<div class="empty">
      The log has no notification ${id}: it was cleaned up, rolled back, or not written yet.
    </div>`;
    return visit.page({ title: `Notification ${id}`, parent, content }, 404);
  }
  const summary = shownSummary(record, redaction);
  const payload = payloadOf(record, summary, redaction);
  return visit.page({
    title: `Notification ${id}`,
    parent,
    content: html`${facts(visit, { record, summary, payload, now })}
    ${section('Consumers', deliveries(visit, record, now))}
    ${payload === undefined ? tooLarge(visit, record) : payloadParts(record, payload)}
    ${timeline(visit, record)}`,
  });
}

/** The record's id is a column's value, which may be redacted. */
function payloadOf(
  { json }: NotificationRecord,
  { isKeyHidden }: ShownSummary,
  redaction: Redaction,
): JsonNode | undefined {
  if (json === undefined) return undefined;
  const payload = parseJsonTree(json, redaction);
  return isKeyHidden ? withoutField(payload, 'id') : payload;
}

interface Facts {
  readonly record: NotificationRecord;
  readonly summary: ShownSummary;
  readonly payload: JsonNode | undefined;
  readonly now: Date;
}

function facts(visit: Visit, { record, summary, payload, now }: Facts): Html {
  const { channel, xid, writtenAt, storedBytes, jsonBytes } = record;
  const { key, table } = summary;
  const metadata = fieldOf(payload, 'metadata');
  const fact = (title: string, value: Html | string) => html`<dt>${title}</dt>
    <dd>${value}</dd>`;
  const size = `${formatBytes(storedBytes)} in the log${
    jsonBytes === undefined ? '' : `, ${formatBytes(jsonBytes)} as JSON`
  }`;
  return html`<dl class="facts">
    ${fact('Channel', html`<a href="${visit.url('/notifications', { channel })}"><bdi>${visibleStart(channel, LONGEST_KEY)}</bdi></a>`)}
    ${table === undefined ? '' : fact('Change', about(summary))}
    ${key === undefined ? '' : fact('Key', html`<bdi class="mono">${visibleStart(key, LONGEST_KEY)}</bdi>`)}
    ${fact('Written', html`${ago(writtenAt, now)}, <span class="muted">${writtenAt.toISOString()}</span>`)}
    ${fact('Size', size)} ${fact('Transaction', html`<code>${xid}</code>`)}
    ${metadata?.kind === 'object' ? metadataFacts(metadata, fact) : ''}
  </dl>`;
}

/** Who made the change; what is not known is null. */
function metadataFacts(
  { fields }: Extract<JsonNode, { kind: 'object' }>,
  fact: (title: string, value: Html) => Html,
): Html {
  const known = fields
    .filter(({ value }) => value.kind !== 'scalar' || value.literal !== 'null')
    .slice(0, 20);
  if (known.length === 0) return html``;
  return fact(
    'Metadata',
    html`${known.map(
      ({ name, value }) =>
        html`<span class="pair"
          ><span class="muted">${visibleStart(name, LONGEST_KEY)}</span>
          <code>${visibleStart(compactJson(value), LONGEST_KEY)}</code></span
        > `,
    )}`,
  );
}

/** Kept up to date while something is still to come. */
function deliveries(visit: Visit, record: NotificationRecord, now: Date): Html {
  const list = deliveriesTable(visit, record, now);
  const isSettled = record.deliveries.every(
    ({ state }) => state === 'handled' || state === 'skipped',
  );
  return liveWhile(!isSettled, 'deliveries', list);
}

function payloadParts(record: NotificationRecord, payload: JsonNode): Html {
  const isWhole = record.json?.length !== undefined && record.json.length < READ_AT_MOST;
  const changes = isWhole ? changesIn(payload) : undefined;
  const { text, isCut } = indentedJson(payload, SHOWN_LINES);
  const raw = html`<pre class="card payload" tabindex="0" role="region" aria-label="Payload"><code>${text}${isCut ? '\n…' : ''}</code></pre>`;
  const note =
    isWhole && !isCut ? '' : `only its beginning, of ${formatBytes(record.jsonBytes ?? 0)}`;
  if (changes === undefined) return section('Payload', raw, note);
  const changed = changes.filter(({ kind }) => kind !== 'same').length;
  return html`${section(
    'Change',
    changeTable(changes),
    `${formatCount(changed, 'field')} of ${changes.length}`,
  )}
    <details class="raw">
      <summary>Payload <span class="muted">${note}</span></summary>
      ${raw}
    </details>`;
}

function tooLarge(visit: Visit, { id, storedBytes }: NotificationRecord): Html {
  const log = qualified(visit.site.db.names, 'notification_log');
  return section(
    'Payload',
    html`<div class="empty">
      With ${formatBytes(storedBytes)} in the log it is too large to be shown here. Read it with SQL:
      <code>select payload from ${log} where id = ${id};</code>
    </div>`,
  );
}

/** Takes a while, so it comes by itself afterwards; see assets/admin/lazy.js. */
function timeline(visit: Visit, { id, key, table, recordId }: NotificationRecord): Html | '' {
  if (key === undefined && (table === undefined || recordId === undefined)) return '';
  const path = visit.url(`/notifications/${id}/timeline`);
  return section(
    key === undefined ? 'Timeline of this record' : 'Timeline of this key',
    html`<div id="timeline" data-lazy="${path}">
      <a href="${path}">What else happened to it</a>
    </div>`,
  );
}
