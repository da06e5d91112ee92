import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { openTelemetry } from '../../src/cli/telemetry.ts';
import { defineConsumer } from '../../src/consumer/define-consumer.ts';
import { PermanentError, RetryableError } from '../../src/consumer/errors.ts';
import { FiguresReader } from '../../src/metrics/figures.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import { DeliveryFixture, gate } from '../support/delivery-fixture.ts';
import { samplesOf } from '../support/metrics-text.ts';
import { openAt } from '../support/open-database.ts';
import { resolveForTest } from '../support/resolved-config.ts';
import type { RunningDaemon } from '../support/running-daemon.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const fixture = new DeliveryFixture();

/** A fresh look each time: what was read before is not of interest. */
function open(consumers: readonly string[], db = fixture.database.db) {
  const errors: unknown[] = [];
  const figures = new FiguresReader(db, (error) => errors.push(error));
  const metrics = new Metrics({ consumers, figures, version: '1.2.3' });
  return { metrics, errors, scrape: async () => samplesOf(await metrics.text()) };
}

/** Tells the metrics what a daemon has said. */
function tell(metrics: Metrics, { events }: RunningDaemon): void {
  for (const event of events.all) {
    if ('consumer' in event) metrics.onDelivery(event);
    else metrics.onListener(event);
  }
}

describe('metrics', () => {
  it('count what a daemon does, and measure its handlers', async () => {
    const id = fixture.name();
    const { metrics, scrape } = open([id]);
    const consumer = defineConsumer({
      id,
      channels: [id],
      retry: { maxAttempts: 2, minDelaySeconds: 0, maxDelaySeconds: 0 },
      async handle({ data, attempt }) {
        if (data === 'bad') throw new PermanentError('bad');
        if (data === 'late' && attempt === 1) throw new RetryableError('not yet');
      },
    });
    const daemon = await fixture.startLive([consumer], { watch: metrics.watch });
    for (const payload of ['good', 'good', 'bad', 'late']) await fixture.notify(payload);
    await daemon.events.until((all) => all.filter(({ type }) => type === 'handled').length === 3);
    await daemon.events.first(({ type }) => type === 'dead-lettered');
    tell(metrics, daemon);

    const samples = await scrape();
    const of = (name: string, more = '') => samples.get(`${name}{consumer="${id}"${more}}`);
    expect(of('pgwatch_notifications_handled_total')).toBe(3);
    expect(of('pgwatch_notifications_failed_total')).toBe(2);
    expect(of('pgwatch_notifications_retried_total')).toBe(1);
    expect(of('pgwatch_notifications_dead_total')).toBe(1);
    expect(of('pgwatch_handler_duration_seconds_count')).toBe(5);
    // Of live ones at their first attempt.
    expect(of('pgwatch_commit_to_handler_seconds_count')).toBe(4);
    expect(of('pgwatch_handler_batch_size_count')).toBe(0);
    expect(of('pgwatch_read_batch_size_sum')).toBe(4);
    expect(of('pgwatch_lease_changes_total', ',change="taken"')).toBe(1);
    expect(of('pgwatch_lease_changes_total', ',change="lost"')).toBe(0);
    expect(of('pgwatch_consumer_dead_letters')).toBe(1);
    expect(of('pgwatch_consumer_partitions_owned')).toBe(1);
    // In between, while its cursor is stored, it is catching up.
    const states = ['live', 'catching_up', 'paused', 'stopped', 'no_owner'];
    const inState = states.map((state) => of('pgwatch_consumer_state', `,state="${state}"`) ?? -1);
    expect((inState[0] ?? 0) + (inState[1] ?? 0)).toBe(1);
    expect(inState.slice(2)).toEqual([0, 0, 0]);
    expect(samples.get('pgwatch_doorbell_rings_total{by="here"}')).toBeGreaterThan(0);
    expect(samples.get('pgwatch_reconnects_total')).toBe(0);
    expect(samples.get('pgwatch_up')).toBe(1);
    expect(samples.get('pgwatch_scrape_errors_total')).toBe(0);
    expect(samples.get('pgwatch_log_bytes')).toBeGreaterThan(0);
    expect(samples.get('pgwatch_notify_queue_usage_ratio')).toBeGreaterThanOrEqual(0);
    expect(samples.get('pgwatch_build_info{version="1.2.3"}')).toBe(1);
    expect(samples.has('process_cpu_seconds_total')).toBe(true);
  });

  it('tell how far behind a consumer is, whoever runs it', async () => {
    const id = fixture.name();
    const handler = gate();
    const daemon = await fixture.startLive([
      defineConsumer({ id, channels: [id], handle: () => handler.opened }),
    ]);
    for (let number = 0; number < 3; number += 1) await fixture.notify(number);
    const samples = await open([]).scrape();
    expect(samples.get(`pgwatch_consumer_lag_notifications{consumer="${id}"}`)).toBe(3);
    expect(samples.get(`pgwatch_consumer_lag_seconds{consumer="${id}"}`)).toBeGreaterThan(0);
    handler.open();
    await daemon.events.until((all) => all.filter(({ type }) => type === 'handled').length === 3);
    await daemon.stop();
    const after = await open([]).scrape();
    expect(after.get(`pgwatch_consumer_lag_notifications{consumer="${id}"}`)).toBe(0);
    expect(after.get(`pgwatch_consumer_lag_seconds{consumer="${id}"}`)).toBe(0);
    expect(after.get(`pgwatch_consumer_state{consumer="${id}",state="stopped"}`)).toBe(1);
  });

  it('count what one call of handleBatch is given', async () => {
    const id = fixture.name();
    const { metrics, scrape } = open([id]);
    for (let number = 0; number < 4; number += 1) await fixture.notify(number);
    const consumer = defineConsumer({ id, channels: [id], batchSize: 3, async handleBatch() {} });
    const daemon = fixture.start([consumer], { once: true, watch: metrics.watch });
    await daemon.ended;
    const samples = await scrape();
    expect(samples.get(`pgwatch_handler_batch_size_count{consumer="${id}"}`)).toBe(2);
    expect(samples.get(`pgwatch_handler_batch_size_sum{consumer="${id}"}`)).toBe(4);
    expect(samples.get(`pgwatch_handler_batch_size_bucket{consumer="${id}",le="1"}`)).toBe(1);
    // They were there before it started.
    expect(samples.get(`pgwatch_commit_to_handler_seconds_count{consumer="${id}"}`)).toBe(0);
  });

  it('go on without the database, say so, and do not hold on to what it said before', async () => {
    const proxy = await startTcpProxy(fixture.database.url);
    const db = openAt(proxy.url, { poolSize: 1 });
    try {
      const { metrics, scrape, errors } = open(['a'], db);
      await proxy.cut();
      metrics.onListener({ type: 'listening' });
      metrics.onListener({ type: 'listen-lost', error: new Error('gone') });
      metrics.onListener({ type: 'listening' });
      const samples = await scrape();
      expect(samples.get('pgwatch_up')).toBe(0);
      expect(samples.get('pgwatch_scrape_errors_total')).toBe(1);
      expect(samples.get('pgwatch_notifications_handled_total{consumer="a"}')).toBe(0);
      expect(samples.get('pgwatch_reconnects_total')).toBe(1);
      expect([...samples.keys()].filter((name) => /^pgwatch_(log|consumer)_/.test(name))).toEqual(
        [],
      );
      // However often it is asked, within 5 s the database is asked once.
      await scrape();
      expect(errors).toHaveLength(1);
    } finally {
      await db.close();
      await proxy.close();
    }
  });

  it('and readiness have connections of their own, when deliveries have lent out all of theirs', async () => {
    const db = openAt(fixture.database.url, { poolSize: 1 });
    const busy = await db.pool.connect();
    const context = { config: resolveForTest(), logger: pino({ level: 'silent' }) };
    const telemetry = await openTelemetry(context, db, []);
    try {
      const samples = samplesOf(await telemetry.metrics.text());
      expect(samples.get('pgwatch_up')).toBe(1);
      expect(await telemetry.owners.latest()).toBeDefined();
    } finally {
      await telemetry.close();
      busy.release();
      await db.close();
    }
  });

  it('read the database once for all who ask together', async () => {
    const { pool, names } = fixture.database.db;
    let acquired = 0;
    const count = () => {
      acquired += 1;
    };
    pool.on('acquire', count);
    try {
      const figures = new FiguresReader({ pool, names }, () => {});
      const [first, second] = await Promise.all([figures.latest(), figures.latest()]);
      expect(first).toBe(second);
      expect(await figures.latest()).toBe(first);
      expect(acquired).toBe(1);
    } finally {
      pool.off('acquire', count);
    }
  });
});
