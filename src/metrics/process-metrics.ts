import { Counter, collectDefaultMetrics, Gauge, type Registry } from 'prom-client';
import type { ConsumerCounts } from './consumer-counts.ts';
import { histogramText } from './distribution.ts';

/** By consumer's id. */
export type CountsByConsumer = ReadonlyMap<string, ConsumerCounts>;

/** What this process has done beside what it did for one consumer. */
export interface ProcessCounts {
  /** LISTEN sessions after the first. */
  reconnects: number;
  readonly rings: { here: number; another: number };
}

interface ConsumerCounter {
  readonly name: string;
  readonly help: string;
  readonly read: (counts: ConsumerCounts) => number;
}

const CONSUMER_COUNTERS: readonly ConsumerCounter[] = [
  {
    name: 'pgwatch_notifications_handled_total',
    help: 'Notifications whose handler has returned.',
    read: ({ handled }) => handled,
  },
  {
    name: 'pgwatch_notifications_failed_total',
    help: 'Attempts that failed: those that are retried and those that became dead letters.',
    read: ({ retried, dead }) => retried + dead,
  },
  {
    name: 'pgwatch_notifications_retried_total',
    help: 'Attempts that failed and were scheduled to be made again.',
    read: ({ retried }) => retried,
  },
  {
    name: 'pgwatch_notifications_dead_total',
    help: 'Notifications that became dead letters.',
    read: ({ dead }) => dead,
  },
  {
    name: 'pgwatch_database_outages_total',
    help: 'Times that a consumer lost the database and waited for it.',
    read: ({ databaseOutages }) => databaseOutages,
  },
];

/** What this process counts itself, and what Node knows of it. */
export function registerProcessMetrics(
  registry: Registry,
  consumers: CountsByConsumer,
  counts: ProcessCounts,
): void {
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  for (const { name, help, read } of CONSUMER_COUNTERS) {
    new Counter({
      name,
      help,
      labelNames: ['consumer'],
      registers,
      collect() {
        this.reset();
        for (const [consumer, counted] of consumers) this.inc({ consumer }, read(counted));
      },
    });
  }
  new Counter({
    name: 'pgwatch_lease_changes_total',
    help: 'Leases of a consumer that this process took, handed over, or lost to another one.',
    labelNames: ['consumer', 'change'],
    registers,
    collect() {
      this.reset();
      for (const [consumer, { leases }] of consumers) {
        for (const [change, count] of Object.entries(leases)) this.inc({ consumer, change }, count);
      }
    },
  });
  new Counter({
    name: 'pgwatch_doorbell_rings_total',
    help: 'Rings of the doorbell: by this process as doorkeeper (here), or heard from writers and other processes (another).',
    labelNames: ['by'],
    registers,
    collect() {
      this.reset();
      for (const [by, count] of Object.entries(counts.rings)) this.inc({ by }, count);
    },
  });
  new Counter({
    name: 'pgwatch_reconnects_total',
    help: 'Times that the LISTEN session (or polling) was lost and stood again.',
    registers,
    collect() {
      this.reset();
      this.inc(counts.reconnects);
    },
  });
}

export function registerBuildInfo(registry: Registry, version: string): void {
  new Gauge({
    name: 'pgwatch_build_info',
    help: 'The version of pgwatch; always 1.',
    labelNames: ['version'],
    registers: [registry],
  }).set({ version }, 1);
}

/** The histograms, as text. */
export function histogramsText(consumers: CountsByConsumer): string {
  const of = <T>(read: (counts: ConsumerCounts) => T) =>
    [...consumers].map(([consumer, counts]) => [consumer, read(counts)] as const);
  return [
    {
      name: 'pgwatch_handler_duration_seconds',
      help: 'How long a call of the handler took, until its promise settled.',
      distributions: of(({ callSeconds }) => callSeconds),
    },
    {
      name: 'pgwatch_commit_to_handler_seconds',
      help: "From when a notification was written, by the server's clock, to the call of its handler; live ones at their first attempt.",
      distributions: of(({ delaySeconds }) => delaySeconds),
    },
    {
      name: 'pgwatch_handler_batch_size',
      help: 'Notifications given to one call of handleBatch.',
      distributions: of(({ callRows }) => callRows),
    },
    {
      name: 'pgwatch_read_batch_size',
      help: 'Notifications that one read of the log brought; reads that found nothing are left out.',
      distributions: of(({ readRows }) => readRows),
    },
  ]
    .map(histogramText)
    .join('');
}
