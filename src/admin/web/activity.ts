import { formatNumber } from '../../format.ts';
import type { History } from './history.ts';
import { chart, type Html } from './parts.ts';

const SHOWN_MS = 1_800_000;
const SPARK_MS = 300_000;

/** What was written and handled over time. */
export function activityChart(history: History): Html {
  const shown = history.within(SHOWN_MS);
  const last = shown.at(-1);
  const now =
    last === undefined
      ? 'nothing is known yet'
      : `now ${shownRate(last.written)} written and ${shownRate(last.handled ?? 0)} handled a second`;
  return chart({
    label: `Notifications written and handled a second, over the last half hour; ${now}`,
    kind: 'chart',
    series: ['written/s', 'handled/s, all consumers'],
    data: [
      shown.map(({ at }) => Math.round(at / 1000)),
      shown.map(({ written }) => rounded(written)),
      shown.map(({ handled }) => (handled === undefined ? null : rounded(handled))),
    ],
  });
}

/** How fast a consumer was. */
export function consumerChart(history: History, consumer: string): Html {
  const shown = history.within(SHOWN_MS);
  const now = shown.at(-1)?.rates.get(consumer) ?? 0;
  return chart({
    label: `Notifications that ${consumer} handled a second, over the last half hour; now ${shownRate(now)}`,
    kind: 'chart',
    series: ['handled/s'],
    data: [
      shown.map(({ at }) => Math.round(at / 1000)),
      shown.map(({ handled, rates }) =>
        handled === undefined ? null : rounded(rates.get(consumer) ?? 0),
      ),
    ],
  });
}

/** How fast a consumer was in the last minutes. */
export function rateSparkline(history: History, consumer: string): Html {
  const shown = history.within(SPARK_MS).filter(({ handled }) => handled !== undefined);
  return chart({
    label: `Rate of ${consumer} over the last five minutes`,
    kind: 'spark',
    series: ['handled/s'],
    data: [
      shown.map(({ at }) => Math.round(at / 1000)),
      shown.map(({ rates }) => rounded(rates.get(consumer) ?? 0)),
    ],
  });
}

function rounded(perSecond: number): number {
  return Math.round(perSecond * 100) / 100;
}

function shownRate(perSecond: number): string {
  return formatNumber(Math.round(perSecond));
}
