import { html } from 'hono/html';
import type { Status } from '../../../observe/status.ts';
import { consumerPath } from '../consumer-path.ts';
import { consumersTable } from '../consumers-table.ts';
import { ago, type Html, live, section, table } from '../parts.ts';
import type { Route } from '../route.ts';
import { visible } from '../visible.ts';
import type { Visit } from '../visit.ts';

export const consumersRoutes: readonly Route[] = [
  { method: 'get', path: '/consumers', handle: showConsumers },
];

async function showConsumers(visit: Visit): Promise<Response> {
  const status = await visit.site.watch.read();
  return visit.page({
    title: 'Consumers',
    content: live(
      'consumers',
      html`${consumersTable(visit, status)} ${section('Last errors', lastErrors(visit, status))}`,
    ),
  });
}

function lastErrors(visit: Visit, { consumers, log }: Status): Html {
  return table({
    caption: 'The last error of each consumer',
    columns: [
      { title: 'Consumer' },
      { title: 'Error' },
      { title: 'Notification', numeric: true },
      { title: 'When', numeric: true },
    ],
    rows: consumers.flatMap(({ consumer, lastError }) =>
      lastError === undefined
        ? []
        : [
            [
              html`<a class="name" href="${visit.url(consumerPath(consumer))}">${consumer}</a>`,
              html`<span class="error"><bdi>${visible(lastError.error)}</bdi></span>`,
              html`<a href="${visit.url(`/notifications/${lastError.notificationId}`)}"
                >${lastError.notificationId}</a
              >`,
              ago(lastError.at, log.at),
            ],
          ],
    ),
    empty: 'Nothing waits to be handled again, and there are no dead letters.',
  });
}
