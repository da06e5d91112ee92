import type { Database } from '../../src/db/database.ts';
import { startThrowawayServer } from '../../src/db/embedded/throwaway-server.ts';
import { install } from '../../src/db/installation.ts';
import { openAt } from './open-database.ts';

export interface LargeLog {
  readonly db: Database;
  readonly rows: number;
  stop(): Promise<void>;
}

const BATCHES = 50;

/** Ids and times run together, over 30 days. Half are changes of orders, one in 10,000 is rare. */
const FILL = `
  insert into pgwatch.notification_log (channel, key, payload, created_at)
  select case when n % 10000 = 7 then 'rare' when n % 10 < 5 then 'orders'
              when n % 10 < 8 then 'users' else 'stock_' || n % 12 end,
         'key ' || n % 200000,
         jsonb_build_object(
           'schema', 'public', 'table', case when n % 10 < 5 then 'orders' else 'users' end,
           'action', 'UPDATE', 'id', n % 200000,
           'old_data', jsonb_build_object('id', n % 200000, 'status', 'open', 'total', n % 997),
           'new_data', jsonb_build_object('id', n % 200000, 'status', 'paid', 'total', n % 991)),
         now() - interval '30 days' * (1 - n::float8 / $3)
  from generate_series($1::bigint, $2::bigint) n`;

/** One is level, one has a tenth of the log before it, one has many dead letters and retries. */
const CONSUMERS = `
  with here as (select pg_current_snapshot() as seen),
  made as (
    insert into pgwatch.consumer (name, start_seen)
    select name, '1:1:' from unnest('{level,behind,failing}'::text[]) name
    returning id, name)
  insert into pgwatch.consumer_cursor (consumer_id, channels, seen, until, last_id)
  select id, '{orders,users}', case name when 'behind' then '1:1:' else seen end,
         case name when 'behind' then seen end, case name when 'behind' then $1::bigint end
  from made, here`;

const DEAD = `
  insert into pgwatch.redelivery (consumer_id, partition, notification_id, channel, key, reason,
                                  state, attempt, due_at, last_error)
  select c.id, 0, l.id, l.channel, l.key, 'failure', case l.id % 5 when 0 then 'retry' else 'dead' end,
         5, now() + interval '1 hour', 'Error: mailbox ' || l.id || ' is full'
  from pgwatch.consumer c,
       (select * from pgwatch.notification_log
        where channel in ('orders', 'users') and id % 101 = 0 order by id desc limit 20000) l
  where c.name = 'failing'`;

/** On a server of its own. @param say told how far it is */
export async function fillLargeLog(rows: number, say: (line: string) => void): Promise<LargeLog> {
  const server = await startThrowawayServer({ settings: { max_wal_size: '8GB' } });
  const db = openAt(server.url);
  await install({ db, projectScripts: [], target: { kind: 'latest' }, onChange: () => {} });
  const perBatch = Math.ceil(rows / BATCHES);
  for (let first = 0; first < rows; first += perBatch) {
    await db.pool.query(FILL, [first, Math.min(first + perBatch, rows) - 1, rows]);
    say(`${Math.min(first + perBatch, rows).toLocaleString('en-US')} written`);
  }
  await db.pool.query(CONSUMERS, [Math.floor(rows * 0.9)]);
  await db.pool.query(DEAD);
  await db.pool.query('vacuum analyze');
  await db.pool.query('checkpoint');
  return {
    db,
    rows,
    async stop() {
      await db.close();
      await server.stop();
    },
  };
}
