import { type Names, qualified } from '../../db/names.ts';
import { type Queryable, query } from '../../db/queryable.ts';
import { DELIVERY_STATE, type DeliveryState } from '../delivery-state.ts';

/** What a walk over all of the log has found, of one moment. */
export interface LogWalk {
  readonly notifications: number;
  readonly consumers: readonly WalkedConsumer[];
  /** Whether the server tells when a transaction has committed (track_commit_timestamp). */
  readonly commitsAreTimed: boolean;
}

export interface WalkedConsumer {
  readonly consumer: string;
  /** Of the notifications on its channels. */
  readonly states: Readonly<Record<DeliveryState, number>>;
  /** Those that belong to no cursor. */
  readonly homeless: FoundIds;
  /** Those that count as handled, and were written or committed after the cursor was stored. */
  readonly late: FoundIds;
}

export interface FoundIds {
  readonly count: number;
  /** The first of them. */
  readonly ids: readonly number[];
}

/** Half a second's work. */
const ROWS_AT_ONCE = 100_000;
export const IDS_NAMED = 100;
/** Older ones may share their 32 bits with newer ones. */
const XIDS_TIMED = 2 ** 31;

interface Row extends Record<DeliveryState, string | number> {
  consumer: string;
  homeless: string | number;
  homeless_ids: number[] | null;
  late: string | number;
  late_ids: number[] | null;
}

/** Walks over the log, slice by slice of its ids. To be called in a transaction with one snapshot. */
export async function walkLog(db: Queryable, names: Names): Promise<LogWalk> {
  const [server] = await query<{ timed: boolean; xmax: string }>(
    db,
    `select current_setting('track_commit_timestamp')::boolean as timed,
            pg_snapshot_xmax(pg_current_snapshot())::text as xmax`,
    [],
  );
  const commitsAreTimed = server?.timed === true;
  const timedFrom = Math.max(0, Number(server?.xmax ?? 0) - XIDS_TIMED);
  const consumers = new Map<string, WalkedConsumer>();
  let notifications = 0;
  for (let afterId = 0; ; ) {
    const slice = await nextSlice(db, names, afterId);
    if (slice === undefined) break;
    notifications += slice.rows;
    const statement = sliceStatement(names, commitsAreTimed);
    const rows = await query<Row>(db, statement, [afterId, slice.lastId, timedFrom, IDS_NAMED]);
    for (const row of rows) {
      consumers.set(row.consumer, add(consumers.get(row.consumer), row));
    }
    afterId = slice.lastId;
  }
  return { notifications, consumers: [...consumers.values()], commitsAreTimed };
}

async function nextSlice(db: Queryable, names: Names, afterId: number) {
  const [row] = await query<{ last_id: number | null; rows: string | number }>(
    db,
    `select max(id) as last_id, count(*) as rows
     from (select id from ${qualified(names, 'notification_log')} where id > $1 order by id limit $2) slice`,
    [afterId, ROWS_AT_ONCE],
  );
  const lastId = row?.last_id ?? undefined;
  return lastId === undefined ? undefined : { lastId, rows: Number(row?.rows) };
}

function add(sum: WalkedConsumer | undefined, row: Row): WalkedConsumer {
  const states = { pending: 0, handled: 0, retrying: 0, dead: 0, skipped: 0, ...sum?.states };
  const together = (
    before: FoundIds | undefined,
    count: string | number,
    ids: number[] | null,
  ) => ({
    count: (before?.count ?? 0) + Number(count),
    ids: [...(before?.ids ?? []), ...(ids ?? [])].slice(0, IDS_NAMED),
  });
  return {
    consumer: row.consumer,
    states: {
      pending: states.pending + Number(row.pending),
      handled: states.handled + Number(row.handled),
      retrying: states.retrying + Number(row.retrying),
      dead: states.dead + Number(row.dead),
      skipped: states.skipped + Number(row.skipped),
    },
    homeless: together(sum?.homeless, row.homeless, row.homeless_ids),
    late: together(sum?.late, row.late, row.late_ids),
  };
}

/** $1 to $2: ids; $3: the first xid whose commit can be timed; $4: how many ids to name. */
function sliceStatement(names: Names, commitsAreTimed: boolean): string {
  const table = (name: string) => qualified(names, name);
  const settledAt = commitsAreTimed
    ? `greatest(log.created_at,
         pg_xact_commit_timestamp(case when log.xid >= $3::text::xid8 then log.xid::xid end))`
    : 'case when $3::text is not null then log.created_at end';
  const count = (state: DeliveryState) => `count(*) filter (where state = '${state}') as ${state}`;
  return `
    with wanted as materialized (
      select distinct p.consumer_id, ch.channel
      from ${table('consumer_cursor')} p cross join unnest(p.channels) as ch (channel)
    )
    select name as consumer, ${count('pending')}, ${count('handled')}, ${count('retrying')},
           ${count('dead')}, ${count('skipped')},
           count(*) filter (where state is null) as homeless,
           (array_agg(id order by id) filter (where state is null))[1:$4] as homeless_ids,
           count(*) filter (where state = 'handled' and derived and settled_at > stored_at) as late,
           (array_agg(id order by id)
              filter (where state = 'handled' and derived and settled_at > stored_at))[1:$4] as late_ids
    from (
      select c.name, log.id, p.updated_at as stored_at, r.notification_id is null as derived,
             case when p.partition is not null then ${DELIVERY_STATE} end as state,
             ${settledAt} as settled_at
      from ${table('notification_log')} log
      join wanted on wanted.channel = log.channel
      join ${table('consumer')} c on c.id = wanted.consumer_id
      left join ${table('consumer_cursor')} p
        on p.consumer_id = c.id and log.channel = any (p.channels)
        and p.partition = ${table('partition_of')}(log.key, log.id, c.partitions)
      left join ${table('redelivery')} r on r.consumer_id = c.id and r.notification_id = log.id
      where log.id > $1 and log.id <= $2
      offset 0
    ) rows
    group by name`;
}
