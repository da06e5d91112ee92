import type { ClientBase } from 'pg';
import type { Cursor } from '../cursor/cursor.ts';
import type { Interest } from '../cursor/partition.ts';
import { asSnapshot, includes, isVisible, partsOf, type Snapshot } from '../cursor/snapshot.ts';
import { type Names, qualified } from '../db/names.ts';
import { type LogRow, type LogRowValues, logRowOf, SURELY_FITS_BYTES } from './log-row.ts';
import { smallOnes, smallRows } from './small-rows.ts';
import { type Batch, batchOf } from './window-reader.ts';

/** More than this is not brought along: whoever wants it fetches it. */
const ROWS_BROUGHT = 300;

/** A row of the log, and the transaction that wrote it. */
interface NewRow {
  readonly row: LogRow;
  readonly xid: string;
}

/**
 * What became visible in the log, in all channels, between two snapshots of one server: a fact, which
 * stays true. Whoever stands between them may take what it has not seen from here instead of fetching
 * it.
 */
export class News {
  readonly since: Snapshot;
  readonly until: Snapshot;
  /** Of the server; null: nobody has a cursor in it. */
  readonly #life: string | null;
  /** In the order of their ids. */
  readonly #rows: readonly NewRow[];
  #isTaken = false;

  constructor(since: Snapshot, until: Snapshot, life: string | null, rows: readonly NewRow[]) {
    this.since = since;
    this.until = until;
    this.#life = life;
    this.#rows = rows;
  }

  /** Whether it was of use to anybody. */
  get isTaken(): boolean {
    return this.#isTaken;
  }

  get channels(): readonly string[] {
    return [...new Set(this.#rows.map(({ row }) => row.channel))];
  }

  /**
   * What comes next after a cursor, up to the end of this news; undefined when that cannot be told from
   * here. Empty also for one who is further already.
   */
  after(cursor: Cursor, { channels, partition, life }: Interest): Batch | undefined {
    const { seen, window } = cursor;
    if (window !== undefined || partition.of !== 1 || life !== this.#life) return undefined;
    if (includes(seen, this.until)) return batchOf(cursor, seen, []);
    if (!includes(seen, this.since) || !includes(this.until, seen)) return undefined;
    this.#isTaken = true;
    const unseen =
      seen === this.since
        ? this.#rows
        : this.#rows.filter(({ xid }) => !isVisible(BigInt(xid), seen));
    const rows = unseen.map(({ row }) => row).filter((row) => channels.includes(row.channel));
    return batchOf(cursor, this.until, rows);
  }
}

/**
 * Looks what became visible since a snapshot, as a fetch does (and is planned as one).
 * @returns undefined when it is more than is brought along, or one of it is large
 */
export async function fetchNews(
  client: ClientBase,
  names: Names,
  since: Snapshot,
): Promise<News | undefined> {
  const { xmax, xip } = partsOf(since);
  const { rows } = await client.query<
    [null, string, string | null, null, null, null, null] | [...LogRowValues, string]
  >({
    name: 'pgwatch_fetch_news',
    text: newsStatement(names),
    values: [xmax, xip, ROWS_BROUGHT + 1, SURELY_FITS_BYTES],
    rowMode: 'array',
  });
  const [first, ...found] = rows;
  if (first === undefined) throw new Error('The look gave no snapshot.');
  const news = found.flatMap((values) => {
    if (values[0] === null) return [];
    const [id, channel, key, json, writtenAt, traceparent, xid] = values;
    return { row: logRowOf([id, channel, key, json, writtenAt, traceparent]), xid };
  });
  const isWhole = smallOnes(news.map(({ row }) => row)) === news.length;
  if (news.length > ROWS_BROUGHT || !isWhole) return undefined;
  return new News(since, asSnapshot(first[1]), first[2], news);
}

/** Its first row tells the snapshot, and the life of the server. */
export function newsStatement(names: Names): string {
  const log = qualified(names, 'notification_log');
  const columns = 'id, channel, key, payload, created_at, traceparent, xid';
  return `
    select null::bigint as id, pg_current_snapshot()::text as channel,
           (select id::text from ${qualified(names, 'server_life')}) as key,
           null::text as json, null::double precision as written_at, null::text as traceparent,
           null::text as xid
    union all
    ${smallRows(
      `(
      (
        select ${columns} from ${log} where xid >= (select $1::xid8)
        order by xid, id
        limit (select $3::bigint)
      )
      union all
      (
        select ended_since.*
        from unnest((select $2::xid8[])) as late (xid)
        cross join lateral (
          select ${columns} from ${log} log
          where (log.xid, log.id) >= (late.xid, 0) and log.xid <= late.xid
          order by log.xid, log.id
          limit (select $3::bigint)
        ) ended_since
        where pg_visible_in_snapshot(late.xid, pg_current_snapshot())
        limit (select $3::bigint)
      )
    )`,
      '$4',
      'xid::text',
    )}
    order by id nulls first`;
}
