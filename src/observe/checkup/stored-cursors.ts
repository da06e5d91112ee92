import { asSnapshot, type Snapshot } from '../../cursor/snapshot.ts';
import { type Names, qualified } from '../../db/names.ts';
import { type Queryable, query } from '../../db/queryable.ts';

export interface StoredConsumer {
  readonly id: number;
  readonly name: string;
  readonly partitions: number;
  readonly startSeen: Snapshot;
  readonly cursors: readonly StoredCursor[];
}

export interface StoredCursor {
  readonly partition: number;
  readonly channels: readonly string[];
  readonly seen: Snapshot;
  readonly until: Snapshot | undefined;
  readonly lastId: number | undefined;
  readonly storedAt: Date;
  /** The snapshot with which it was read. */
  readonly now: Snapshot;
  /** The last id that was given out, at least. */
  readonly lastGivenOut: number;
}

interface Row {
  id: number;
  name: string;
  partitions: number;
  start_seen: string;
  partition: number | null;
  channels: string[] | null;
  seen: string | null;
  until: string | null;
  last_id: number | null;
  stored_at: Date;
  now: string;
  last_given_out: number | null;
}

export async function readStoredCursors(
  db: Queryable,
  names: Names,
): Promise<readonly StoredConsumer[]> {
  const log = qualified(names, 'notification_log');
  const rows = await query<Row>(
    db,
    `select c.id, c.name, c.partitions, c.start_seen::text as start_seen, p.partition, p.channels,
            p.seen::text as seen, p.until::text as until, p.last_id, p.updated_at as stored_at,
            pg_current_snapshot()::text as now,
            case when has_sequence_privilege(sequence, 'select, usage')
              then pg_sequence_last_value(sequence::regclass) end as last_given_out
     from ${qualified(names, 'consumer')} c
     left join ${qualified(names, 'consumer_cursor')} p on p.consumer_id = c.id
     cross join pg_get_serial_sequence($1, 'id') as sequence
     order by c.name, p.partition`,
    [log],
  );
  const consumers = new Map<number, StoredConsumer & { cursors: StoredCursor[] }>();
  for (const row of rows) {
    const consumer = consumers.get(row.id) ?? {
      id: row.id,
      name: row.name,
      partitions: row.partitions,
      startSeen: asSnapshot(row.start_seen),
      cursors: [],
    };
    consumers.set(row.id, consumer);
    if (row.partition !== null && row.seen !== null)
      consumer.cursors.push(cursorOf(row, row.partition, row.seen));
  }
  return [...consumers.values()];
}

function cursorOf(row: Row, partition: number, seen: string): StoredCursor {
  return {
    partition,
    channels: row.channels ?? [],
    seen: asSnapshot(seen),
    until: row.until === null ? undefined : asSnapshot(row.until),
    lastId: row.last_id ?? undefined,
    storedAt: row.stored_at,
    now: asSnapshot(row.now),
    // A role that may not ask the sequence cannot tell: no id is too high then.
    lastGivenOut: row.last_given_out ?? Number.POSITIVE_INFINITY,
  };
}
