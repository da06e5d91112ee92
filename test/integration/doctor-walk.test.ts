import { expect, it } from 'vitest';
import { walkLog } from '../../src/observe/checkup/log-walk.ts';
import { rowsStatement } from '../../src/observe/checkup/walk-sql.ts';
import { CheckupFixture } from '../support/checkup-fixture.ts';

const fixture = new CheckupFixture();

const STATES = ['pending', 'handled', 'retrying', 'dead', 'skipped'];

it('counts by groups what a look at each row would', async () => {
  const run = (text: string, values: unknown[] = []) => fixture.run(text, values);
  await run('select setseed(0.4711)');
  // Transactions 3 to 62, in any order; keys; three channels.
  await run(
    `insert into pgwatch.notification_log (xid, channel, key, payload, created_at)
     select (3 + random() * 59)::int::text::xid8, 'c' || n % 3, 'key ' || n % 17, '{}',
            now() - interval '1 hour' + n * interval '1 s'
     from generate_series(1, 2000) n`,
  );
  await run(
    `insert into pgwatch.consumer (name, partitions, start_seen) values
       ('level', 1, '1:1:'), ('late', 1, '20:30:20,25'), ('behind', 1, '1:1:'), ('split', 3, '1:1:'),
       ('torn', 3, '1:1:'), ('old', 1, '1:1:')`,
  );
  await run(
    `insert into pgwatch.consumer_cursor
       (consumer_id, partition, channels, seen, until, last_id, updated_at)
     select c.id, v.partition, v.channels::text[], v.seen::pg_snapshot, v.until::pg_snapshot,
            v.last_id, now() - v.ago
     from (values
       ('level', 0, '{c0,c1}', '50:60:50,55', null, null::int, interval '0'),
       ('late', 0, '{c1}', '40:45:40', null, null, interval '0'),
       ('behind', 0, '{c0,c2}', '10:12:11', '48:52:48,50', 1234, interval '0'),
       ('split', 0, '{c0}', '50:50:', null, null, interval '0'),
       ('split', 1, '{c0}', '30:30:', '50:50:', 700, interval '0'),
       ('split', 2, '{c0}', '20:20:', null, null, interval '0'),
       ('torn', 0, '{c1,c2}', '50:50:', null, null, interval '0'),
       ('torn', 2, '{c2}', '50:50:', null, null, interval '0'),
       ('old', 0, '{c0}', '63:63:', null, null, interval '50 minutes')
     ) v (name, partition, channels, seen, until, last_id, ago)
     join pgwatch.consumer c using (name)`,
  );
  await run(
    `insert into pgwatch.redelivery (consumer_id, notification_id, channel, key, state, reason)
     select c.id, log.id, log.channel, log.key,
            (array['retry', 'dead', 'handled'])[1 + log.id % 3], 'failure'
     from pgwatch.consumer c, pgwatch.notification_log log
     where random() < 0.1 and exists (
       select from pgwatch.consumer_cursor p
       where p.consumer_id = c.id and log.channel = any (p.channels))`,
  );
  const { pool, names } = fixture.db;
  const { notifications, consumers } = await walkLog(pool, names);
  expect(notifications).toBe(2000);
  const { rows } = await pool.query(rowsStatement(names, false), [
    0,
    1_000_000,
    0,
    ['3'],
    [0, 1],
    100,
  ]);
  expect(rows).toHaveLength(6);
  for (const row of rows) {
    const found = consumers.find(({ consumer }) => consumer === row.consumer);
    const counted = Object.fromEntries(STATES.map((state) => [state, Number(row[state])]));
    expect({ consumer: row.consumer, ...found?.states }).toEqual({
      consumer: row.consumer,
      ...counted,
    });
    expect(found?.homeless.count).toBe(Number(row.homeless));
    expect(found?.late).toEqual({ count: Number(row.late), ids: row.late_ids ?? [] });
  }
  const found = (name: string) => consumers.find(({ consumer }) => consumer === name);
  expect(found('torn')?.homeless.count).toBeGreaterThan(0);
  expect(found('old')?.late.count).toBeGreaterThan(100);
  expect(found('late')?.states.skipped).toBeGreaterThan(0);
});
