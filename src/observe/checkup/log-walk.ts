import { type Names, qualified } from '../../db/names.ts';
import { type Queryable, query } from '../../db/queryable.ts';
import type { DeliveryState } from '../delivery-state.ts';
import { readStoredCursors, type StoredConsumer } from './stored-cursors.ts';
import { groupsStatement, redeliveriesStatement, rowsStatement, XIDS_TIMED } from './walk-sql.ts';
import { bucketsOf, stateOfGroup, type XidBuckets } from './xid-buckets.ts';

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
  readonly states: Record<DeliveryState, number>;
  /** Those that belong to no cursor. */
  readonly homeless: FoundIds;
  /** Those that count as handled, and were written or committed after the cursor was stored. */
  readonly late: FoundIds;
}

export interface FoundIds {
  count: number;
  /** The first of them. */
  readonly ids: number[];
}

/** About a tenth of a second's work. */
const ROWS_AT_ONCE = 100_000;
export const IDS_NAMED = 100;

interface GroupRow {
  bucket: number;
  channel: string;
  rows: string | number;
  last_id: number;
  settled_at: Date;
}

interface RedeliveryRow {
  consumer_id: number;
  bucket: number;
  channel: string;
  state: 'retrying' | 'dead' | 'handled';
  rows: string | number;
}

interface LookedAtRow extends Record<DeliveryState, string | number> {
  consumer: string;
  homeless: string | number;
  homeless_ids: number[] | null;
  late: string | number;
  late_ids: number[] | null;
}

/** Walks over the log, slice by slice of its ids. To be called in a transaction with one snapshot. */
export async function walkLog(db: Queryable, names: Names): Promise<LogWalk> {
  const consumers = await readStoredCursors(db, names);
  const [server] = await query<{ timed: boolean; xmax: string }>(
    db,
    `select current_setting('track_commit_timestamp')::boolean as timed,
            pg_snapshot_xmax(pg_current_snapshot())::text as xmax`,
    [],
  );
  const walk = new Walk(db, names, consumers, {
    areTimed: server?.timed === true,
    from: Math.max(0, Number(server?.xmax ?? 0) - XIDS_TIMED),
  });
  return walk.run();
}

interface Commits {
  readonly areTimed: boolean;
  /** Of older transactions it is not asked. */
  readonly from: number;
}

class Walk {
  readonly #db: Queryable;
  readonly #names: Names;
  readonly #consumers: readonly StoredConsumer[];
  readonly #commits: Commits;
  readonly #buckets: XidBuckets;
  readonly #bounds: readonly string[];
  /** Slices end at the ids to which windows have come. */
  readonly #cuts: readonly number[];
  readonly #found = new Map<string, WalkedConsumer>();

  constructor(db: Queryable, names: Names, consumers: readonly StoredConsumer[], commits: Commits) {
    this.#db = db;
    this.#names = names;
    this.#consumers = consumers;
    this.#commits = commits;
    this.#buckets = bucketsOf(consumers);
    this.#bounds = this.#buckets.bounds.map(String);
    this.#cuts = consumers
      .flatMap(({ cursors }) => cursors.flatMap(({ lastId }) => lastId ?? []))
      .sort((a, b) => a - b);
    for (const { name } of consumers) this.#found.set(name, nothingOf(name));
  }

  async run(): Promise<LogWalk> {
    let notifications = 0;
    for (let afterId = 0; ; ) {
      const lastId = await this.#sliceEnd(afterId);
      if (lastId === undefined) break;
      notifications += await this.#lookAt(afterId, lastId);
      afterId = lastId;
    }
    return {
      notifications,
      consumers: [...this.#found.values()].filter(({ states, homeless }) =>
        [...Object.values(states), homeless.count].some((count) => count > 0),
      ),
      commitsAreTimed: this.#commits.areTimed,
    };
  }

  async #sliceEnd(afterId: number): Promise<number | undefined> {
    const cut = this.#cuts.find((id) => id > afterId) ?? Number.MAX_SAFE_INTEGER;
    const log = qualified(this.#names, 'notification_log');
    const [row] = await query<{ last_id: number | null }>(
      this.#db,
      `select coalesce(
         (select max(id) from (
            select id from ${log} where id > $1 and id <= $2 order by id limit $3) slice),
         (select $2::bigint where exists (select from ${log} where id > $2))) as last_id`,
      [afterId, cut, ROWS_AT_ONCE],
    );
    return row?.last_id ?? undefined;
  }

  /** @returns how many rows there are */
  async #lookAt(afterId: number, lastId: number): Promise<number> {
    const { areTimed, from } = this.#commits;
    const range = [afterId, lastId, from, this.#bounds];
    const groups = await query<GroupRow>(this.#db, groupsStatement(this.#names, areTimed), range);
    const looked = new Set<number>();
    for (const group of groups) {
      const about = { ...group, lastId, settledAt: group.settled_at };
      const isPlain = this.#consumers.every(
        (consumer) => stateOfGroup(consumer, about, this.#buckets) !== undefined,
      );
      if (!isPlain) looked.add(group.bucket);
    }
    const redeliveries = await query<RedeliveryRow>(this.#db, redeliveriesStatement(this.#names), [
      afterId,
      lastId,
      this.#bounds,
    ]);
    for (const group of groups) {
      if (!looked.has(group.bucket)) this.#count(group, lastId, redeliveries);
    }
    if (looked.size > 0) {
      const statement = rowsStatement(this.#names, areTimed);
      const rows = await query<LookedAtRow>(this.#db, statement, [
        ...range,
        [...looked],
        IDS_NAMED,
      ]);
      for (const row of rows) this.#add(row);
    }
    return groups.reduce((sum, { rows }) => sum + Number(rows), 0);
  }

  /** Of a group that is alike for each consumer. */
  #count(group: GroupRow, lastId: number, redeliveries: readonly RedeliveryRow[]): void {
    const about = { ...group, lastId, settledAt: group.settled_at };
    for (const consumer of this.#consumers) {
      const state = stateOfGroup(consumer, about, this.#buckets);
      const states = this.#found.get(consumer.name)?.states;
      if (state === undefined || state === 'not its own' || states === undefined) continue;
      states[state] += Number(group.rows);
      for (const noted of redeliveries) {
        const isOfGroup =
          noted.consumer_id === consumer.id &&
          noted.bucket === group.bucket &&
          noted.channel === group.channel;
        if (!isOfGroup) continue;
        states[state] -= Number(noted.rows);
        states[noted.state] += Number(noted.rows);
      }
    }
  }

  #add(row: LookedAtRow): void {
    const found = this.#found.get(row.consumer);
    if (found === undefined) return;
    for (const state of STATES) found.states[state] += Number(row[state]);
    addIds(found.homeless, row.homeless, row.homeless_ids);
    addIds(found.late, row.late, row.late_ids);
  }
}

const STATES = [
  'pending',
  'handled',
  'retrying',
  'dead',
  'skipped',
] as const satisfies readonly DeliveryState[];

function nothingOf(consumer: string): WalkedConsumer {
  return {
    consumer,
    states: { pending: 0, handled: 0, retrying: 0, dead: 0, skipped: 0 },
    homeless: { count: 0, ids: [] },
    late: { count: 0, ids: [] },
  };
}

function addIds(found: FoundIds, count: string | number, ids: readonly number[] | null): void {
  found.count += Number(count);
  found.ids.push(...(ids ?? []).slice(0, IDS_NAMED - found.ids.length));
}
