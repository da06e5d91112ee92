import type { Database } from '../db/database.ts';
import { type CallWatch, watchAll } from '../delivery/call-watch.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { ReadinessReport } from '../metrics/metrics-server.ts';
import type { OwnersReader } from '../metrics/owners.ts';
import { openTracing } from '../metrics/tracing.ts';
import type { CommandContext } from './options.ts';
import { openOwnConnections } from './own-connections.ts';
import type { Readiness } from './readiness.ts';
import { version } from './version.ts';

/** What a daemon tells of itself beside its log. */
export interface Telemetry {
  readonly metrics: Metrics;
  readonly owners: OwnersReader;
  close(): Promise<void>;
}

/** One for the figures, which may take seconds, one for readiness. */
const POOL_SIZE = 2;

/** For a daemon that runs these consumers. Loads what it needs only now. The caller closes it. */
export async function openTelemetry(
  context: Pick<CommandContext, 'config' | 'logger'>,
  shared: Database,
  consumers: readonly string[],
): Promise<Telemetry> {
  const { logger } = context;
  const [{ Metrics }, { FiguresReader }, { OwnersReader }] = await Promise.all([
    import('../metrics/metrics.ts'),
    import('../metrics/figures.ts'),
    import('../metrics/owners.ts'),
  ]);
  const db = openOwnConnections(context, shared, POOL_SIZE);
  const figures = new FiguresReader(db, (err) =>
    logger.debug({ err }, 'what the database knows could not be read for the metrics'),
  );
  const owners = new OwnersReader(db, (err) =>
    logger.debug({ err }, 'who runs the consumers could not be read for readiness'),
  );
  return {
    owners,
    metrics: new Metrics({ consumers, figures, version: version() }),
    close: () => db.close(),
  };
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

export function answersOf({ metrics, owners }: Telemetry, readiness: Readiness): Answers {
  return { metrics, readiness: () => readiness.report(() => owners.latest()) };
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
