import { html } from 'hono/html';
import { shownOwner } from '../../../cursor/lease-owner.ts';
import { formatCount } from '../../../format.ts';
import type { ConsumerStatus, PartitionStatus } from '../../../observe/consumer-status.ts';
import { reading } from '../../../observe/reading.ts';
import {
  type ErrorGroup,
  groupErrors,
  type Redelivery,
  readRetryQueue,
} from '../../../observe/redeliveries.ts';
import type { Status } from '../../../observe/status.ts';
import { serversNow } from '../../../observe/time.ts';
import { unknownConsumer } from '../../../observe/unknown-consumer.ts';
import { consumerChart } from '../activity.ts';
import { consumerPath } from '../consumer-path.ts';
import { consumerProblems, problemList } from '../consumer-problems.ts';
import { action, actionLink } from '../forms.ts';
import { lag } from '../lag.ts';
import {
  ago,
  badge,
  type Content,
  count,
  type Html,
  live,
  NONE,
  rate,
  section,
  table,
} from '../parts.ts';
import type { Route } from '../route.ts';
import { shownKey } from '../shown-summary.ts';
import { visible, visibleStart } from '../visible.ts';
import type { Visit } from '../visit.ts';

export const consumerRoutes: readonly Route[] = [
  { method: 'get', path: '/consumers/:consumer', handle: showConsumer },
];

const SHOWN_RETRIES = 25;
const LONGEST_KEY = 80;

async function showConsumer(visit: Visit): Promise<Response> {
  const name = visit.param('consumer');
  const { db, watch } = visit.site;
  const isThere = ({ consumers }: Status) => consumers.some(({ consumer }) => consumer === name);
  // It may have come a moment ago.
  if (!isThere(await watch.read())) watch.expire();
  const { consumers, rates } = await watch.read();
  const status = consumers.find(({ consumer }) => consumer === name);
  if (status === undefined) throw await unknownConsumer(db.pool, db.names, name);
  const { queue, errors, now } = await reading(db.pool, async (reader) => ({
    queue: await readRetryQueue(reader, db.names, name, SHOWN_RETRIES),
    errors: await groupErrors(reader, db.names, name),
    now: await serversNow(reader),
  }));
  return visit.page({
    title: name,
    parent: { title: 'Consumers', href: visit.url('/consumers') },
    aside: actions(visit, status),
    content: live(
      'consumer',
      html`${problemList(consumerProblems(visit, status))} ${figures(visit, status, rates.get(name) ?? 0)}
      ${section('Rate', consumerChart(watch.history, name), 'handled a second, in the last half hour')}
      ${section('Cursor and lease', partitions(status, now), facts(status, now))}
      ${section('Errors', errorTable(visit, errors, now), 'alike but for their numbers')}
      ${section('Retry queue', retries(visit, queue, now), queueLine(visit, status, queue, now))}`,
    ),
  });
}

function actions(visit: Visit, { consumer, state }: ConsumerStatus): Html {
  return html`<div id="actions" class="actions" data-live>
    ${
      state === 'paused'
        ? action(visit, { path: consumerPath(consumer, 'resume'), label: 'Resume', tone: 'main' })
        : action(visit, { path: consumerPath(consumer, 'pause'), label: 'Pause' })
    }
    ${actionLink(visit, visit.url(consumerPath(consumer, 'replay')), 'Replay…')}
    ${actionLink(visit, visit.url(consumerPath(consumer, 'forget')), 'Forget…')}
  </div>`;
}

function figures(visit: Visit, status: ConsumerStatus, perSecond: number): Html {
  const { consumer, state, pending, atLeast, retrying, dead } = status;
  const figure = (title: string, value: Content) =>
    html`<div class="figure">
      <dt>${title}</dt>
      <dd>${value}</dd>
    </div>`;
  return html`<dl class="figures">
    ${figure('State', badge(state))} ${figure('Pending', count(pending, { atLeast }))}
    ${figure('Lag', lag(status))}
    ${figure('Rate', rate(perSecond))} ${figure('Retrying', count(retrying))}
    ${figure(
      'Dead letters',
      dead === 0
        ? count(0)
        : html`<a href="${visit.url('/dead-letters', { consumer })}">${count(dead, { bad: true })}</a>`,
    )}
  </dl>`;
}

function facts({ channels, createdAt, pausedAt }: ConsumerStatus, now: Date): Html {
  return html`on <bdi>${visible(channels.join(', ')) || 'no channel'}</bdi>; since ${ago(createdAt, now)}${
    pausedAt === undefined ? '' : html`; paused ${ago(pausedAt, now)}`
  }`;
}

function partitions({ partitions: all }: ConsumerStatus, now: Date): Html {
  return table({
    caption: 'Cursor and lease of each partition',
    columns: [
      { title: 'Cursor' },
      { title: 'Owner' },
      { title: 'Lease ends', numeric: true },
      { title: 'Epoch', numeric: true },
      { title: 'Position' },
      { title: 'Stored', numeric: true },
    ],
    rows: all.map((partition) => [
      html`<span class="name">${all.length === 1 ? 'whole' : `partition ${partition.partition}`}</span>`,
      partition.owner === undefined ? 'nobody' : shownOwner(partition.owner),
      ago(partition.leaseUntil, now),
      partition.epoch,
      position(partition),
      ago(partition.storedAt, now),
    ]),
    empty: 'It has no cursor yet.',
  });
}

function position({ seen, until, lastId }: PartitionStatus): Html {
  const snapshot = (text: string) => html`<code>${text}</code>`;
  if (until === undefined) return html`level with snapshot ${snapshot(seen)}`;
  return html`at id ${lastId ?? 0} of the window from ${snapshot(seen)} to ${snapshot(until)}`;
}

function errorTable(visit: Visit, errors: readonly ErrorGroup[], now: Date): Html {
  return table({
    caption: 'Errors, the most frequent first',
    columns: [
      { title: 'Error' },
      { title: 'State' },
      { title: 'Count', numeric: true },
      { title: 'Newest', numeric: true },
    ],
    rows: errors.map(({ consumer, state, error, count: number, atLeast, newest }) => [
      state === 'dead'
        ? html`<a class="error" href="${visit.url('/dead-letters', { consumer, error })}"
            ><bdi>${visible(error) || 'never attempted'}</bdi></a
          >`
        : html`<span class="error"><bdi>${visible(error)}</bdi></span>`,
      badge(state),
      count(number, { atLeast }),
      ago(newest, now),
    ]),
    empty: 'No errors: nothing that failed waits to be handled again.',
  });
}

function retries(visit: Visit, queue: readonly Redelivery[], now: Date): Html {
  return table({
    caption: 'What is handled again, what is due first comes first',
    columns: [
      { title: 'Notification' },
      { title: 'Due', numeric: true },
      { title: 'Attempts', numeric: true },
      { title: 'Because of' },
      { title: 'Error' },
    ],
    rows: queue.map((redelivery) => {
      const { id, dueAt, attempts, reason, error } = redelivery;
      const key = shownKey(redelivery, visit.site.redaction) ?? '';
      return [
        html`<a class="name id" href="${visit.url(`/notifications/${id}`)}">${id}</a>`,
        dueAt === undefined
          ? html`behind its key <bdi class="mono">${visibleStart(key, LONGEST_KEY)}</bdi>`
          : ago(dueAt, now),
        attempts,
        reason === 'failure' ? 'a failure' : 'a replay',
        error === undefined ? NONE : html`<span class="error"><bdi>${visible(error)}</bdi></span>`,
      ];
    }),
    empty: 'Nothing waits to be handled again.',
  });
}

function queueLine(
  visit: Visit,
  { consumer, retrying, nextDueAt }: ConsumerStatus,
  queue: readonly Redelivery[],
  now: Date,
): Html | '' {
  if (retrying === 0) return '';
  const all = formatCount(retrying, 'notification');
  const href = visit.url('/notifications', { consumer, state: 'retrying' });
  const shown =
    retrying > queue.length ? html`the first ${queue.length} of <a href="${href}">${all}</a>` : all;
  return html`${shown}, the next ${ago(nextDueAt, now)}`;
}
