import type pg from 'pg';

/** A notification whose transaction committed: it is in the log. */
export interface Committed {
  readonly id: number;
  readonly channel: string;
  /** Empty: none. */
  readonly key: string;
  readonly seq: number;
  /** As of Date.now(): when its transaction committed, not when it was written. */
  readonly at: number;
}

const PAGE = 50_000;

/** The whole log, in the order of the ids. */
export async function readCommitted(pool: pg.Pool): Promise<Map<number, Committed>> {
  const committed = new Map<number, Committed>();
  for (let last = 0, found = PAGE; found === PAGE; ) {
    const { rows } = await pool.query<[number, string, string, number, number]>({
      text: `
        select id::int, channel, coalesce(key, ''),
          coalesce(
            (payload->'new_data'->>'seq')::int,
            (payload->'old_data'->>'seq')::int + 1,
            (payload->>'seq')::int),
          date_part('epoch', pg_xact_commit_timestamp(xid::xid)) * 1000
        from pgwatch.notification_log
        where id > $1 order by id limit ${PAGE}`,
      values: [last],
      rowMode: 'array',
    });
    for (const [id, channel, key, seq, at] of rows) {
      committed.set(id, { id, channel, key, seq, at });
      last = id;
    }
    found = rows.length;
  }
  return committed;
}

/** The dead letters of each consumer. */
export async function readDeadLetters(pool: pg.Pool): Promise<Map<string, Set<number>>> {
  const { rows } = await pool.query<{ name: string; ids: number[] }>(
    `select name, array_agg(notification_id::int) as ids
     from pgwatch.redelivery join pgwatch.consumer on consumer.id = consumer_id
     where state = 'dead' group by name`,
  );
  return new Map(rows.map(({ name, ids }) => [name, new Set(ids)]));
}

/** The sequence number that each key has come to in the writers' own tables. */
export async function readSequences(pool: pg.Pool): Promise<Map<string, number>> {
  const { rows } = await pool.query<[string, number]>({
    text: `
      select 'public.items:' || id, seq from items
      union all select 'public.bulk_rows:' || id, seq from bulk_rows
      union all select 'public.accounts:' || id, seq from accounts
      union all select key, seq from event_keys`,
    rowMode: 'array',
  });
  return new Map(rows);
}
