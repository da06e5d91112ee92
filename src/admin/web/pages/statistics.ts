import { html } from 'hono/html';
import { formatBytes, formatNumber } from '../../../format.ts';
import type { ConsumerStatus } from '../../../observe/consumer-status.ts';
import {
  type ChannelStatistics,
  type HourStatistics,
  type LogStatistics,
  readLogStatistics,
} from '../../../observe/log-statistics.ts';
import { unlessCanceled } from '../../../observe/reading.ts';
import type { Status } from '../../../observe/status.ts';
import { consumerPath } from '../consumer-path.ts';
import { lag } from '../lag.ts';
import { ago, badge, chart, count, type Html, NONE, section, table } from '../parts.ts';
import type { Route } from '../route.ts';
import { visible } from '../visible.ts';
import type { Visit } from '../visit.ts';

export const statisticsRoutes: readonly Route[] = [
  { method: 'get', path: '/statistics', handle: showStatistics },
];

const WITHIN_MS = 4_000;

async function showStatistics(visit: Visit): Promise<Response> {
  const [status, day] = await Promise.all([visit.site.watch.read(), lastDay(visit)]);
  return visit.page({
    title: 'Statistics',
    content: html`${figures(status, day)}
    ${
      day === undefined
        ? tooSlow()
        : html`${section('Last 24 hours', hoursChart(day.hours), hoursLine(day.hours))}
        ${section('Channels', channels(visit, day.channels, status.log.at), 'the ten with the most in the last 24 hours')}`
    }
    ${section('Unprocessed', unprocessed(visit, status.consumers), 'by consumer')}`,
  });
}

/** @returns undefined: it took too long */
function lastDay({ site }: Visit): Promise<LogStatistics | undefined> {
  return unlessCanceled(readLogStatistics(site.db.pool, site.db.names, WITHIN_MS));
}

function tooSlow(): Html {
  return html`<div class="notice problem" role="status">
    <p>The last 24 hours could not be counted in ${WITHIN_MS / 1000} seconds. Try again later.</p>
  </div>`;
}

function figures({ log, consumers }: Status, day: LogStatistics | undefined): Html {
  const sum = (of: (consumer: ConsumerStatus) => number) =>
    consumers.reduce((total, consumer) => total + of(consumer), 0);
  const figure = (title: string, value: Html | string, hint: Html | string = '') =>
    html`<div class="figure">
      <dt>${title}</dt>
      <dd>${value} <span class="muted">${hint}</span></dd>
    </div>`;
  const total = (of: (hour: HourStatistics) => number) =>
    day === undefined ? NONE : formatNumber(day.hours.reduce((all, hour) => all + of(hour), 0));
  const atLeast = consumers.some((consumer) => consumer.atLeast);
  return html`<dl class="figures">
    ${figure('In the log', formatNumber(log.rows), formatBytes(log.bytes))}
    ${figure('Oldest', html`${ago(log.oldest, log.at)}`)}
    ${figure(
      'Written',
      total(({ written }) => written),
      'in 24 hours',
    )}
    ${figure(
      'Handled',
      total(({ handled }) => handled),
      `of these${day === undefined ? '' : about(day.hours)}`,
    )}
    ${figure(
      'Unprocessed',
      count(
        sum(({ pending = 0, retrying }) => pending + retrying),
        { atLeast },
      ),
    )}
    ${figure(
      'Dead letters',
      count(
        sum(({ dead }) => dead),
        { bad: true },
      ),
    )}
  </dl>`;
}

function hoursChart(hours: readonly HourStatistics[]): Html {
  const total = (of: (hour: HourStatistics) => number) =>
    formatNumber(hours.reduce((all, hour) => all + of(hour), 0));
  return chart({
    label: `Notifications written in each of the last 24 hours, ${total(({ written }) => written)} in all, and how many of these are handled, ${total(({ handled }) => handled)}`,
    kind: 'chart',
    series: ['written/hour', 'of these handled'],
    data: [
      // Up to then, as in the other charts: what was just written stands at its end.
      hours.map(({ ended }) => Math.round(ended.getTime() / 1000)),
      hours.map(({ written }) => written),
      hours.map(({ handled }) => handled),
    ],
  });
}

function hoursLine(hours: readonly HourStatistics[]): string {
  return `written in each hour, and how many of these all consumers have handled${about(hours)}`;
}

/** What is told of a sample is not exact. */
function about(hours: readonly HourStatistics[]): string {
  return hours.some(({ isEstimate }) => isEstimate) ? ', about' : '';
}

function channels(visit: Visit, top: readonly ChannelStatistics[], now: Date): Html {
  return table({
    caption: 'The channels with the most notifications in the last 24 hours',
    columns: [
      { title: 'Channel' },
      { title: 'Last 24 hours', numeric: true },
      { title: 'In the log', numeric: true },
      { title: 'Newest', numeric: true },
    ],
    rows: top.map(({ channel, written, isWrittenAtLeast, rows, isRowsAtLeast, newest }) => [
      html`<a class="name" href="${visit.url('/notifications', { channel })}"><bdi>${visible(channel)}</bdi></a>`,
      count(written, { atLeast: isWrittenAtLeast }),
      count(rows, { atLeast: isRowsAtLeast }),
      ago(newest, now),
    ]),
    empty: html`The log is empty. Send something: <code>pgwatch notify orders '{"id": 1}'</code>`,
  });
}

function unprocessed(visit: Visit, consumers: readonly ConsumerStatus[]): Html {
  const waits = ({ pending = Number.MAX_SAFE_INTEGER, retrying }: ConsumerStatus) =>
    pending + retrying;
  return table({
    caption: 'What each consumer has not handled, the most first',
    columns: [
      { title: 'Consumer' },
      { title: 'State' },
      { title: 'Pending', numeric: true },
      { title: 'Oldest waits', numeric: true },
      { title: 'Retrying', numeric: true },
      { title: 'Dead', numeric: true },
    ],
    rows: consumers
      .toSorted((a, b) => waits(b) - waits(a))
      .map((status) => {
        const { consumer, state, pending, atLeast, retrying, dead } = status;
        return [
          html`<a class="name" href="${visit.url(consumerPath(consumer))}">${consumer}</a>`,
          badge(state),
          linked(visit, consumer, 'pending', count(pending, { atLeast }), pending),
          lag(status),
          linked(visit, consumer, 'retrying', count(retrying), retrying),
          linked(visit, consumer, 'dead', count(dead, { bad: true }), dead),
        ];
      }),
    empty: 'No consumer has run on this database yet.',
  });
}

/** Leads to the notifications that are meant. */
function linked(
  visit: Visit,
  consumer: string,
  state: 'pending' | 'retrying' | 'dead',
  shown: Html,
  number: number | undefined,
): Html {
  if (number === 0) return shown;
  return html`<a href="${visit.url('/notifications', { consumer, state })}"
    >${shown}<span class="sr"> ${state} of ${consumer}</span></a
  >`;
}
