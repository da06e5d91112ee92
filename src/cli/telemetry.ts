import type { Database } from '../db/database.ts';
import { type CallWatch, watchAll } from '../delivery/call-watch.ts';
import type { FiguresReader } from '../metrics/figures.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { ReadinessReport } from '../metrics/metrics-server.ts';
import { openTracing } from '../metrics/tracing.ts';
import type { CommandContext } from './options.ts';
import type { Readiness } from './readiness.ts';
import { version } from './version.ts';

/** What a daemon tells of itself beside its log. */
export interface Telemetry {
  readonly metrics: Metrics;
  readonly figures: FiguresReader;
}

/** For a daemon that runs these consumers. Loads what it needs only now. */
export async function openTelemetry(
  { logger }: CommandContext,
  db: Database,
  consumers: readonly string[],
): Promise<Telemetry> {
  const [{ Metrics }, { FiguresReader }] = await Promise.all([
    import('../metrics/metrics.ts'),
    import('../metrics/figures.ts'),
  ]);
  const figures = new FiguresReader(db, (err) =>
    logger.debug({ err }, 'what the database knows could not be read for the metrics'),
  );
  return { figures, metrics: new Metrics({ consumers, figures, version: version() }) };
}

/** What stands around each call of a handler; undefined: nobody wants to know. */
export async function watchCalls(
  { logger }: CommandContext,
  telemetry?: Telemetry,
): Promise<CallWatch | undefined> {
  const tracing = await openTracing({
    version: version(),
    onOtherApi: () =>
      logger.warn(
        'OpenTelemetry is set up, but for another copy of @opentelemetry/api than pgwatch has, so nothing is traced; `npm ls @opentelemetry/api` shows both',
      ),
  });
  const watches = [telemetry?.metrics.watch, tracing];
  return watchAll(watches.filter((watch) => watch !== undefined));
}

/** What the servers of a daemon answer. */
export interface Answers {
  readonly metrics: Metrics;
  readonly readiness: () => Promise<ReadinessReport>;
}

export function answersOf({ metrics, figures }: Telemetry, readiness: Readiness): Answers {
  const readConsumers = async () => (await figures.latest())?.consumers;
  return { metrics, readiness: () => readiness.report(readConsumers) };
}

/**
 * Serves metrics and health where the configuration says, if it does, while the task runs.
 * @throws ADDRESS_UNAVAILABLE, and what the task throws
 */
export async function serveBesideMetrics(
  { config, logger }: Pick<CommandContext, 'config' | 'logger'>,
  answers: Answers | undefined,
  task: () => Promise<void>,
): Promise<void> {
  if (config.metrics === undefined || answers === undefined) return task();
  const { startMetricsServer } = await import('../metrics/metrics-server.ts');
  const server = await startMetricsServer({
    bind: config.metrics,
    allowedHosts: config.admin.allowedHosts,
    ...answers,
    onError: (err) => logger.warn({ err }, 'a request for metrics could not be answered'),
  });
  logger.info({ url: `${server.url}/metrics` }, 'serving metrics');
  try {
    await task();
  } finally {
    await server.close();
  }
}
