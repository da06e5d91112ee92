import type { TestDatabase } from './database.ts';

const STILL_RUNNING = 20;
const LONG_DEAD = 5_000;

/** Transactions that are in flight, each with a notification; half of them will be rolled back. */
export interface InFlight {
  /** How many will be there. */
  readonly committed: number;
  end(): Promise<void>;
}

/** What a cursor that is stored now names one by one: it can have no end in view. */
export async function beginInFlight(database: TestDatabase, channel: string): Promise<InFlight> {
  const clients = await Promise.all(
    Array.from({ length: STILL_RUNNING }, async () => {
      const client = await database.connect();
      await client.query('begin');
      await client.query('select smart_notify($1)', [channel]);
      return client;
    }),
  );
  return {
    committed: STILL_RUNNING / 2,
    async end() {
      for (const [index, client] of clients.entries()) {
        await client.query(index % 2 === 0 ? 'commit' : 'rollback');
        await client.end();
      }
    },
  };
}

/** Transaction ids that were used up a week ago and came to nothing. */
export async function burnTransactionIds(database: TestDatabase): Promise<void> {
  await database.query(`
    do $$
    begin
      for n in 1 .. ${LONG_DEAD} loop
        begin
          perform smart_notify('nobody');
          raise exception 'rolled back';
        exception when raise_exception then
        end;
      end loop;
    end
    $$`);
}

/** A backlog that is as old as that, written by one statement. */
export async function writeOldBacklog(
  database: TestDatabase,
  channel: string,
  rows: number,
): Promise<void> {
  await database.query(
    `insert into pgwatch.notification_log (channel, key, payload, created_at)
     select $1, 'key ' || n % 1000, jsonb_build_object('n', n, 'text', repeat('x', 100)),
            now() - interval '7 days'
     from generate_series(1, $2::integer) n`,
    [channel, rows],
  );
  await database.query('analyze pgwatch.notification_log');
}
