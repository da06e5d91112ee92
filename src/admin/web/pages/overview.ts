import { html } from 'hono/html';
import { formatBytes, formatCount, formatNumber, formatSpan } from '../../../format.ts';
import type { ConsumerStatus } from '../../../observe/consumer-status.ts';
import type { LogStatus } from '../../../observe/log-status.ts';
import type { OldestWriter } from '../../../observe/oldest-writer.ts';
import type { Status } from '../../../observe/status.ts';
import { activityChart } from '../activity.ts';
import { consumerProblems, problemList } from '../consumer-problems.ts';
import { consumersTable } from '../consumers-table.ts';
import { ago, count, type Html, live, section, table } from '../parts.ts';
import type { Route } from '../route.ts';
import { visible } from '../visible.ts';
import type { Visit } from '../visit.ts';

export const overviewRoutes: readonly Route[] = [
  { method: 'get', path: '/', handle: showOverview },
];

async function showOverview(visit: Visit): Promise<Response> {
  const status = await visit.site.watch.read();
  return visit.page({
    title: 'Overview',
    content: live(
      'overview',
      html`${problems(visit, status)} ${figures(status)}
      ${section('Activity', activityChart(visit.site.watch.history), 'the last half hour')}
      ${section('Consumers', consumersTable(visit, status))}
      ${section('Log', channels(visit, status.log), logLine(status.log))}`,
    ),
  });
}

function figures({ consumers, log, rates }: Status): Html {
  const sum = (of: (consumer: ConsumerStatus) => number) =>
    consumers.reduce((total, consumer) => total + of(consumer), 0);
  const handled = [...rates.values()].reduce((total, rate) => total + rate, 0);
  const lives = consumers.filter(({ state }) => state === 'live').length;
  const dead = sum((consumer) => consumer.dead);
  const figure = (title: string, value: string | Html, hint = '') =>
    html`<div class="figure">
      <dt>${title}</dt>
      <dd>${value} ${hint === '' ? '' : html`<span class="muted">${hint}</span>`}</dd>
    </div>`;
  return html`<dl class="figures">
    ${figure('Live', `${lives}`, `of ${formatCount(consumers.length, 'consumer')}`)}
    ${figure(
      'Pending',
      count(
        sum(({ pending = 0 }) => pending),
        { atLeast: consumers.some(({ atLeast }) => atLeast) },
      ),
    )}
    ${figure('Retrying', count(sum(({ retrying }) => retrying)))}
    ${figure('Dead letters', count(dead, { bad: true }))}
    ${figure('Handled', formatNumber(Math.round(handled)), 'a second')}
    ${figure('Log', formatNumber(log.rows), formatBytes(log.bytes))}
  </dl>`;
}

/** What somebody should look at, worst first, and what helps. */
function problems(visit: Visit, { consumers, log, oldestWriter }: Status): Html | '' {
  return problemList([
    ...consumers.flatMap((consumer) => consumerProblems(visit, consumer)),
    ...(log.queueUsage > 0.5
      ? [
          html`The server's queue of NOTIFYs is ${Math.round(log.queueUsage * 100)} % full. A session
          that listens sits in an old transaction; when the queue is full, every NOTIFY fails.`,
        ]
      : []),
    ...(oldestWriter !== undefined && oldestWriter.seconds > 60 ? [writer(oldestWriter)] : []),
  ]);
}

function writer({ pid, prepared, database, role, seconds }: OldestWriter): Html {
  const who = pid === undefined ? `The prepared transaction "${prepared}"` : `Process ${pid}`;
  return html`${who}${role === undefined ? '' : ` of role ${role}`} in database ${database} has been
  writing for ${formatSpan(seconds * 1000)}. What it wrote to the log is handled when it commits.`;
}

function logLine({ rows, bytes, oldest, queueUsage, at }: LogStatus): Html {
  return html`${formatCount(rows, 'notification')}, ${formatBytes(bytes)}${
    oldest === undefined ? '' : html`, the oldest ${ago(oldest, at)}`
  }; NOTIFY queue ${(queueUsage * 100).toFixed(0)} % full`;
}

function channels(visit: Visit, { channels: found, at }: LogStatus): Html {
  return table({
    caption: 'Channels',
    columns: [
      { title: 'Channel' },
      { title: 'Notifications', numeric: true },
      { title: 'Newest', numeric: true },
    ],
    rows: found.map(({ channel, rows, atLeast, newest }) => [
      html`<a class="name" href="${visit.url('/notifications', { channel })}"><bdi>${visible(channel)}</bdi></a>`,
      count(rows, { atLeast }),
      ago(newest, at),
    ]),
    empty: html`The log is empty. Send something: <code>pgwatch notify orders '{"id": 1}'</code>`,
  });
}
