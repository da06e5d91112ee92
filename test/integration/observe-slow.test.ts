import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { statusJson, statusText } from '../../src/cli/status-report.ts';
import { FiguresReader } from '../../src/metrics/figures.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import { checkUp } from '../../src/observe/checkup/checkup.ts';
import { StatusReader } from '../../src/observe/status.ts';
import { createInstalledDatabase, type InstalledDatabase } from '../support/installed-database.ts';
import { samplesOf } from '../support/metrics-text.ts';

let database: InstalledDatabase;

/** What it would have to count takes longer than anybody waits, as with millions of others' rows. */
const SLOW = 'slow';
const OTHERS = ['early', 'zealous'];

beforeAll(async () => {
  database = await createInstalledDatabase();
  await database.query(
    `with made as (
       insert into pgwatch.consumer (name, partitions, start_seen)
       select name, case name when $1 then 2 else 1 end, '1:1:' from unnest($2::text[]) name
       returning id, partitions
     )
     insert into pgwatch.consumer_cursor (consumer_id, partition, channels, seen)
     select id, partition, '{orders}', '1:1:'
     from made cross join generate_series(0, made.partitions - 1) partition`,
    [SLOW, [SLOW, ...OTHERS]],
  );
  await database.query(`select smart_notify('orders', to_jsonb(n)) from generate_series(1, 200) n`);
  // Asked for each row, of consumers that are split only.
  await database.query(
    `create or replace function pgwatch.partition_of(key text, notification_id bigint, partitions integer)
     returns integer language plpgsql as
     'begin perform pg_sleep(0.1); return notification_id % partitions; end'`,
  );
});
afterAll(() => database.drop());

describe('a backlog that cannot be counted in time', () => {
  it('is not known, and all else is', async () => {
    const began = performance.now();
    const status = await new StatusReader(database.db).read();
    expect(performance.now() - began).toBeLessThan(5_000);
    const pending = status.consumers.map((one) => [one.consumer, one.pending, one.atLeast]);
    expect(pending).toEqual([
      ['early', 200, false],
      [SLOW, undefined, true],
      ['zealous', 200, false],
    ]);
    expect(statusText(status, 200)).toMatch(/^slow +stopped +\? +\? /m);
    expect(statusJson(status).consumers[1]).toMatchObject({ id: SLOW, pending: null });
    expect(status.log.rows).toBe(200);
  });

  it('leaves its rate unknown, and nothing else, once its cursors have moved', async () => {
    const reader = new StatusReader(database.db);
    await reader.read();
    const move = (seen: string) =>
      database.query(
        `update pgwatch.consumer_cursor p set seen = $2::pg_snapshot
         from pgwatch.consumer c where c.id = p.consumer_id and c.name = $1`,
        [SLOW, seen],
      );
    await move('1000000:1000000:');
    const status = await reader.read();
    await move('1:1:');
    expect(status.areRatesKnown).toBe(false);
    expect(statusText(status, 200)).toMatch(/^early +stopped +200 +\S+ +\? /m);
    expect(statusJson(status).consumers[0]).toMatchObject({ id: 'early', perSecond: null });
    expect(status.log.rows).toBe(200);
  });

  it('is missing in the metrics, and nothing else', async () => {
    const errors: unknown[] = [];
    const figures = new FiguresReader(database.db, (error) => errors.push(error));
    const metrics = new Metrics({ consumers: [], figures, version: '1.2.3' });
    const samples = samplesOf(await metrics.text());
    expect(samples.get('pgwatch_up')).toBe(1);
    const of = (name: string, consumer: string) => samples.get(`${name}{consumer="${consumer}"}`);
    expect(of('pgwatch_consumer_lag_notifications', 'early')).toBe(200);
    expect(of('pgwatch_consumer_lag_seconds', 'early')).toBeGreaterThan(0);
    expect(of('pgwatch_consumer_lag_notifications', SLOW)).toBeUndefined();
    expect(of('pgwatch_consumer_lag_seconds', SLOW)).toBeUndefined();
    expect(of('pgwatch_consumer_dead_letters', SLOW)).toBe(0);
    expect(errors).toEqual([]);
  });

  it('keeps doctor from nothing', async () => {
    const settings = {
      wake: 'poll',
      preparedStatements: true,
      cleanupDays: 7,
      longTransactionSeconds: 600,
      consumers: undefined,
    } as const;
    const findings = await checkUp({ db: database.db, settings }, { quick: true });
    expect(findings.find(({ check }) => check === 'log')).toMatchObject({
      severity: 'ok',
      what: expect.stringContaining('200 notifications'),
    });
    const consumers = findings.filter(({ check }) => check === 'consumers');
    expect(consumers).toMatchObject([
      { what: expect.stringContaining('early is run by nobody; 200 pending') },
      {
        severity: 'warning',
        what: expect.stringContaining('how many are pending could not be counted in time'),
      },
      { what: expect.stringContaining('zealous is run by nobody; 200 pending') },
    ]);
  });
});
