import { type DiscoveredConsumer, discoverConsumers } from '../consumer/discovery.ts';
import { selectConsumers } from '../consumer/selection.ts';
import { Daemon, type DaemonOptions } from '../daemon.ts';
import type { Database } from '../db/database.ts';
import type { DeliveryEventSink } from '../delivery/events.ts';
import { logDeliveryEvents } from '../delivery/log-events.ts';
import { OutageLog } from '../lifecycle/outage-log.ts';
import { keepWatchdogQuiet } from '../lifecycle/watchdog.ts';
import type { ListenerEvent } from '../wake/listener.ts';
import { logListenerEvents } from '../wake/log-events.ts';
import { serveBesideAdmin } from './admin-page.ts';
import { migrateToLatest } from './migrate.ts';
import { OnceSummary } from './once-summary.ts';
import type { CommandContext, ListenOptions } from './options.ts';
import { runOrderly, tellSystemd } from './orderly-run.ts';
import { PlaceCheck } from './place-check.ts';
import { Readiness } from './readiness.ts';
import { answersOf, openTelemetry, serveBesideMetrics, watchCalls } from './telemetry.ts';
import { assertInstalled, withDatabase } from './with-database.ts';

/** Runs consumers until a signal ends it; with --once, until what is there has been handled. */
export async function runListen(context: CommandContext, options: ListenOptions): Promise<number> {
  const consumers = await chooseConsumers(context, options);
  await withDatabase(context, options.once ? 'database' : 'promotion', async (db, reviveServer) => {
    if (options.migrate) await migrateToLatest(context, db);
    await assertInstalled(db);
    if (options.once) await drain(context, db, consumers);
    else await serve(context, options, { db, consumers, reviveServer });
  });
  return 0;
}

async function chooseConsumers(
  { config, logger }: CommandContext,
  options: ListenOptions,
): Promise<readonly DiscoveredConsumer[]> {
  const { consumers, failures } = await discoverConsumers({ ...config, logger });
  // A module that cannot be loaded may hold a consumer that somebody relies on: not to start is
  // noticed, to leave it out is not. Unless it is of an app that is not to run, or those wanted were
  // named and are all there.
  const isWanted = (app: string) => options.apps.length === 0 || options.apps.includes(app);
  const failure = failures.find(({ apps }) => apps.some(isWanted));
  if (failure !== undefined && options.consumers.length === 0) throw failure.error;
  for (const { file, error } of failures) {
    logger.warn({ file, err: error }, 'module could not be loaded');
  }
  return selectConsumers(consumers, options);
}

interface ServedParts {
  readonly db: Database;
  readonly consumers: readonly DiscoveredConsumer[];
  readonly reviveServer: () => Promise<void>;
}

/** Runs until SIGTERM, SIGINT or SIGHUP. */
async function serve(
  context: CommandContext,
  { admin }: ListenOptions,
  { db, consumers, reviveServer }: ServedParts,
): Promise<void> {
  const { config, logger } = context;
  const outage = new OutageLog(logger);
  const ids = consumers.map(({ consumer }) => consumer.id);
  const readiness = new Readiness(ids, () => tellSystemd('ready', logger));
  const isMeasured = config.metrics !== undefined || admin !== undefined;
  const telemetry = isMeasured ? await openTelemetry(context, db, ids) : undefined;
  const logListening = logListenerEvents(logger, outage);
  const onListener = (event: ListenerEvent) => {
    logListening(event);
    readiness.noteListener(event);
    telemetry?.metrics.onListener(event);
    if (event.type === 'listening' || event.type === 'polling') place.check();
    if (event.type === 'listen-lost' || event.type === 'poll-lost') {
      reviveServer().catch((err) => logger.error({ err }, 'embedded server could not be started'));
    }
  };
  const logDelivery = logDeliveryEvents(logger, outage);
  const onDelivery: DeliveryEventSink = (event) => {
    logDelivery(event);
    readiness.noteDelivery(event);
    telemetry?.metrics.onDelivery(event);
  };
  const watch = await watchCalls(context, telemetry);
  const daemon = openDaemon(context, { db, consumers, onDelivery, onListener, watch });
  const place = new PlaceCheck(db, () => daemon.stop());
  const endWatchdog = keepWatchdogQuiet(
    process.env,
    () => daemon.isAlive,
    () => tellSystemd('alive', logger),
  );
  try {
    const answers = telemetry && answersOf(telemetry, readiness);
    await serveBesideMetrics(context, answers, () =>
      serveBesideAdmin(context, db, admin, answers, async () => {
        logger.info({ consumers: ids, pid: process.pid }, 'pgwatch started');
        await runOrderly(daemon, consumers, context);
      }),
    );
  } finally {
    endWatchdog();
    await telemetry?.close();
  }
  place.throwIfMoved();
  logger.info('pgwatch stopped');
}

/** Handles everything that is there, then ends. */
async function drain(
  context: CommandContext,
  db: Database,
  consumers: readonly DiscoveredConsumer[],
): Promise<void> {
  const { logger, output } = context;
  const summary = new OnceSummary();
  const log = logDeliveryEvents(logger, new OutageLog(logger));
  const onDelivery: DeliveryEventSink = (event) => {
    summary.count(event);
    if (event.type !== 'live') log(event);
  };
  const watch = await watchCalls(context);
  const daemon = openDaemon(context, { db, consumers, onDelivery, onListener: undefined, watch });
  await runOrderly(daemon, consumers, context);
  output.write(summary.text());
}

interface DaemonParts extends Pick<DaemonOptions, 'db' | 'onDelivery' | 'onListener' | 'watch'> {
  readonly consumers: readonly DiscoveredConsumer[];
}

function openDaemon(
  { config, logger }: CommandContext,
  { consumers, ...parts }: DaemonParts,
): Daemon {
  return new Daemon({
    ...parts,
    config,
    logger,
    consumers: consumers.map(({ consumer }) => consumer),
  });
}
