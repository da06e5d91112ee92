import { Counter, Gauge, type Registry } from 'prom-client';
import type { ConsumerState, ConsumerStatus } from '../observe/consumer-status.ts';
import type { Figures } from './figures.ts';

interface FigureGauge<Of> {
  readonly name: string;
  readonly help: string;
  /** Undefined: it is not known. */
  readonly read: (of: Of, figures: Figures) => number | undefined;
}

const CONSUMER_GAUGES: readonly FigureGauge<ConsumerStatus>[] = [
  {
    name: 'pgwatch_consumer_lag_notifications',
    help: 'Notifications that the stored cursor has yet to come to, counted up to 100,000 for each partition; missing where they could not be counted in time.',
    read: ({ pending }) => pending,
  },
  {
    name: 'pgwatch_consumer_lag_seconds',
    help: 'The age of the oldest of them; 0 when there are none, missing like those.',
    read: ({ pending, oldest }, { log }) =>
      pending === undefined ? undefined : ageSeconds(oldest, log.at),
  },
  {
    name: 'pgwatch_consumer_retrying',
    help: 'Notifications that wait to be handled again: failed, behind one that did, or replayed.',
    read: ({ retrying }) => retrying,
  },
  {
    name: 'pgwatch_consumer_dead_letters',
    help: 'Dead letters.',
    read: ({ dead }) => dead,
  },
  {
    name: 'pgwatch_consumer_partitions',
    help: 'Over how many cursors the consumer is split.',
    read: ({ partitions }) => partitions.length,
  },
  {
    name: 'pgwatch_consumer_partitions_owned',
    help: 'How many of them a process holds the lease of.',
    read: ({ partitions }) => partitions.filter(({ owner }) => owner !== undefined).length,
  },
];

const LOG_GAUGES: readonly FigureGauge<Figures['log']>[] = [
  {
    name: 'pgwatch_log_notifications',
    help: "Notifications in the log, about, by the planner's statistics.",
    read: ({ rows }) => rows,
  },
  {
    name: 'pgwatch_log_bytes',
    help: 'What the log takes on disk, with its indexes and large payloads.',
    read: ({ bytes }) => bytes,
  },
  {
    name: 'pgwatch_log_oldest_seconds',
    help: 'The age of the oldest notification; 0 when there is none.',
    read: ({ oldest, at }) => ageSeconds(oldest, at),
  },
  {
    name: 'pgwatch_notify_queue_usage_ratio',
    help: "How full the server's queue of NOTIFYs is, 0 to 1; full, every NOTIFY fails.",
    read: ({ queueUsage }) => queueUsage,
  },
  {
    name: 'pgwatch_oldest_writer_seconds',
    help: 'How long the oldest transaction of the server that has written something has been open; 0 when there is none.',
    read: (_, { oldestWriter }) => oldestWriter?.seconds ?? 0,
  },
  {
    name: 'pgwatch_scrape_database_seconds',
    help: 'How long it took to read all this from the database.',
    read: (_, { seconds }) => seconds,
  },
];

/** As the label has it. */
const STATES = {
  live: 'live',
  'catching up': 'catching_up',
  paused: 'paused',
  stopped: 'stopped',
  'no owner': 'no_owner',
} as const satisfies Record<ConsumerState, string>;

/** Gauges of what the database knows; they hold what was shown last. */
export class DatabaseMetrics {
  readonly #consumers: readonly {
    readonly gauge: Gauge<'consumer'>;
    readonly read: FigureGauge<ConsumerStatus>['read'];
  }[];
  readonly #log: readonly {
    readonly gauge: Gauge;
    readonly read: FigureGauge<Figures['log']>['read'];
  }[];
  readonly #state: Gauge<'consumer' | 'state'>;
  readonly #up: Gauge;

  constructor(registry: Registry, failures: () => number) {
    const registers = [registry];
    this.#up = new Gauge({
      name: 'pgwatch_up',
      help: 'Whether the database answered; without an answer, what it knows is left out.',
      registers,
    });
    new Counter({
      name: 'pgwatch_scrape_errors_total',
      help: 'Times that the database gave no answer, or none in time.',
      registers,
      collect() {
        this.reset();
        this.inc(failures());
      },
    });
    this.#state = new Gauge({
      name: 'pgwatch_consumer_state',
      help: '1 for the state that the consumer is in, 0 for the others.',
      labelNames: ['consumer', 'state'],
      registers,
    });
    this.#consumers = CONSUMER_GAUGES.map(({ name, help, read }) => ({
      gauge: new Gauge({ name, help, labelNames: ['consumer'], registers }),
      read,
    }));
    this.#log = LOG_GAUGES.map(({ name, help, read }) => ({
      gauge: new Gauge({ name, help, registers }),
      read,
    }));
  }

  /** @param figures undefined: the database gave no answer */
  show(figures: Figures | undefined): void {
    this.#up.set(figures === undefined ? 0 : 1);
    // What is forgotten, or not known now, is not to be shown for ever.
    this.#state.reset();
    for (const { gauge } of this.#consumers) gauge.reset();
    for (const { gauge } of this.#log) gauge.remove();
    if (figures === undefined) return;
    for (const status of figures.consumers) {
      const { consumer } = status;
      for (const { gauge, read } of this.#consumers) {
        const value = read(status, figures);
        if (value !== undefined) gauge.set({ consumer }, value);
      }
      for (const [state, label] of Object.entries(STATES)) {
        this.#state.set({ consumer, state: label }, status.state === state ? 1 : 0);
      }
    }
    for (const { gauge, read } of this.#log) {
      const value = read(figures.log, figures);
      if (value !== undefined) gauge.set(value);
    }
  }
}

function ageSeconds(since: Date | undefined, now: Date): number {
  return since === undefined ? 0 : Math.max(now.getTime() - since.getTime(), 0) / 1000;
}
