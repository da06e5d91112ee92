import { Registry } from 'prom-client';
import type { CallWatch } from '../delivery/call-watch.ts';
import type { DeliveryEventSink } from '../delivery/events.ts';
import type { ListenerEvent } from '../wake/listener.ts';
import { ConsumerCounts } from './consumer-counts.ts';
import { DatabaseMetrics } from './database-metrics.ts';
import type { FiguresReader } from './figures.ts';
import {
  histogramsText,
  type ProcessCounts,
  registerBuildInfo,
  registerProcessMetrics,
} from './process-metrics.ts';

type FiguresSource = Pick<FiguresReader, 'latest' | 'failures'>;

export interface MetricsOptions {
  /** Ids of those that this process runs: shown before anything has happened. */
  readonly consumers: readonly string[];
  readonly figures: FiguresSource;
  readonly version: string;
}

/**
 * The metrics of one daemon, in the text format of Prometheus: what this process has done, and what
 * the database knows of all consumers when it is asked. docs/metrics.md lists them.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #consumers = new Map<string, ConsumerCounts>();
  readonly #counts: ProcessCounts = { reconnects: 0, rings: { here: 0, another: 0 } };
  readonly #figures: FiguresSource;
  readonly #database: DatabaseMetrics;
  #hasListened = false;

  constructor({ consumers, figures, version }: MetricsOptions) {
    for (const consumer of consumers) this.#of(consumer);
    this.#figures = figures;
    this.#database = new DatabaseMetrics(this.#registry, () => figures.failures);
    registerProcessMetrics(this.#registry, this.#consumers, this.#counts);
    registerBuildInfo(this.#registry, version);
  }

  /** The type of the text, for the header of an answer. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** For what happens while notifications are delivered. */
  readonly onDelivery: DeliveryEventSink = (event) => this.#of(event.consumer).note(event);

  /** For what happens to the LISTEN session. */
  readonly onListener = (event: ListenerEvent): void => {
    switch (event.type) {
      case 'rung':
        this.#counts.rings[event.by] += 1;
        return;
      case 'listening':
      case 'polling':
        if (this.#hasListened) this.#counts.reconnects += 1;
        this.#hasListened = true;
        return;
      default:
    }
  };

  /** To stand around each call of a handler. */
  readonly watch: CallWatch = (call, make) => this.#of(call.consumer).measure(call, make);

  /** What a scrape gets. Never rejects because of the database. */
  async text(): Promise<string> {
    this.#database.show(await this.#figures.latest());
    return `${await this.#registry.metrics()}\n${histogramsText(this.#consumers)}`;
  }

  #of(consumer: string): ConsumerCounts {
    const known = this.#consumers.get(consumer);
    if (known !== undefined) return known;
    const counts = new ConsumerCounts();
    this.#consumers.set(consumer, counts);
    return counts;
  }
}
