import { html } from 'hono/html';
import { shownOwner } from '../../cursor/lease-owner.ts';
import type { ConsumerStatus } from '../../observe/consumer-status.ts';
import type { Status } from '../../observe/status.ts';
import { rateSparkline } from './activity.ts';
import { consumerPath } from './consumer-path.ts';
import { lag } from './lag.ts';
import { badge, count, type Html, NONE, rate, table } from './parts.ts';
import { visible } from './visible.ts';
import type { Visit } from './visit.ts';

/** All consumers, those with problems first. */
export function consumersTable(visit: Visit, { consumers, rates }: Status): Html {
  const { history } = visit.site.watch;
  return table({
    caption: 'Consumers, those with problems first',
    columns: [
      { title: 'Consumer' },
      { title: 'State' },
      { title: 'Pending', numeric: true },
      { title: 'Lag', numeric: true },
      { title: 'Rate', numeric: true },
      { title: 'Retrying', numeric: true },
      { title: 'Dead', numeric: true },
      { title: 'Owner' },
    ],
    rows: consumers.map((status) => {
      const { consumer } = status;
      return [
        html`<a class="name" href="${visit.url(consumerPath(consumer))}"
            >${consumer}</a
          ><span class="muted channels"
            ><bdi>${visible(status.channels.join(', '))}</bdi></span
          >`,
        badge(status.state),
        count(status.pending, { atLeast: status.atLeast }),
        lag(status),
        html`<span class="rate"
          >${rateSparkline(history, consumer)}<span>${rate(rates.get(consumer) ?? 0)}</span></span
        >`,
        count(status.retrying),
        status.dead === 0
          ? count(0)
          : html`<a href="${visit.url('/dead-letters', { consumer })}"
              >${count(status.dead, { bad: true })}<span class="sr"> dead letters of ${consumer}</span></a
            >`,
        ownersOf(status).join(', ') || NONE,
      ];
    }),
    empty: html`No consumer has run on this database yet. <code>pgwatch listen</code> registers those
      that it runs.`,
  });
}

/** Who holds the leases of a consumer. */
function ownersOf({ partitions }: ConsumerStatus): string[] {
  const owners = partitions.flatMap(({ owner }) =>
    owner === undefined ? [] : [shownOwner(owner)],
  );
  return [...new Set(owners)];
}
