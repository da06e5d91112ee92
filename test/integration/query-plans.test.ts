import type { PoolClient } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { partitionFilter } from '../../src/cursor/partition.ts';
import { EVERY_CHANNEL, freshStatement } from '../../src/log/fetch-fresh.ts';
import { largePageStatement, NEXT_OF_ALL, pageStatement } from '../../src/log/fetch-page.ts';
import { windowStartStatement } from '../../src/log/find-window-start.ts';
import { newsStatement } from '../../src/log/news.ts';
import { backlogStatement } from '../../src/observe/backlog.ts';
import { storiesStatement } from '../../src/observe/consumer-story.ts';
import { hoursStatement, topChannelsStatement } from '../../src/observe/log-statistics.ts';
import { channelsStatement } from '../../src/observe/log-status.ts';
import {
  conditionsOf,
  keyIndexStatement,
  Parameters,
} from '../../src/observe/notification-filter.ts';
import { candidatesStatement } from '../../src/observe/notification-search.ts';
import { passedStatement } from '../../src/observe/rates.ts';
import { FOLLOW_INDEXES } from '../../src/observe/reading.ts';
import { probeStatement } from '../../src/wake/probe.ts';
import { createInstalledDatabase, type InstalledDatabase } from '../support/installed-database.ts';

// A log of which nearly everything is settled. One row in a thousand is on a quiet channel. Each
// transaction wrote ten rows; the numbers lie far above the cluster's real ones, which matters to
// no plan.
const ROWS = 200_000;
const FIRST_XID = 1_000_000;
const XIDS = ROWS / 10;
const LAST_XID = FIRST_XID + XIDS;
const UP_TO_NOW = `${LAST_XID + 9}:${LAST_XID + 9}:`;
/** One transaction that wrote many rows. */
const BULK_XID = FIRST_XID - 1;

/** More than a fetch may touch, less than any walk over what is settled: that is 5,000 and more. */
const FEW_PAGES = 150;

let test: InstalledDatabase;
let client: PoolClient;
/** The life of the server, which a fetch asks for. */
let life: string;

beforeAll(async () => {
  test = await createInstalledDatabase();
  client = await test.pool.connect();
  const { rows } = await client.query<{ id: string }>(
    'insert into pgwatch.server_life default values returning id',
  );
  life = rows[0]?.id ?? '';
  await client.query('alter table pgwatch.notification_log set (autovacuum_enabled = false)');
  await client.query(
    `insert into pgwatch.notification_log (xid, channel, key, payload)
     select ($1::int + n / 10)::text::xid8,
            case when n % 1000 = 0 then 'quiet' else 'busy' end,
            'key ' || n,
            jsonb_build_object('n', n, 'text', repeat('x', 150))
     from generate_series(0, $2::int - 1) as n`,
    [FIRST_XID, ROWS],
  );
  await client.query(
    `insert into pgwatch.notification_log (xid, channel, payload)
     select $1::text::xid8, 'busy', to_jsonb(n) from generate_series(1, $2::int) as n`,
    [BULK_XID, ROWS / 10],
  );
  // One that is level, one in the middle of a backlog, one at its beginning.
  await client.query(
    `with made as (
       insert into pgwatch.consumer (name, start_seen)
       values ('level', '1:1:'), ('behind', '1:1:'), ('begun', '1:1:') returning id, name
     )
     insert into pgwatch.consumer_cursor (consumer_id, channels, seen, until, last_id)
     select id, '{busy,quiet}',
            case name when 'level' then $1::pg_snapshot else '1:1:' end,
            case when name <> 'level' then $2::pg_snapshot end,
            case name when 'behind' then 100000 when 'begun' then 500 end
     from made`,
    [`${LAST_XID - 20}:${LAST_XID + 9}:${LAST_XID - 15}`, UP_TO_NOW],
  );
});
afterAll(async () => {
  client.release();
  await test.drop();
});

interface Plan {
  readonly text: string;
  /** Shared buffers, found or read. */
  readonly pages: number;
  readonly sequential: boolean;
}

async function explain(
  statement: string,
  values: readonly string[],
  mode: 'force_custom_plan' | 'force_generic_plan',
): Promise<Plan> {
  await client.query(`set plan_cache_mode = ${mode}`);
  await client.query(`prepare explained as ${statement}`);
  try {
    const given = values.length === 0 ? '' : ` (${values.map((value) => `'${value}'`).join(', ')})`;
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(
      `explain (analyze, buffers, timing off) execute explained${given}`,
    );
    const text = rows.map((row) => row['QUERY PLAN']).join('\n');
    const execution = text.split(/^Planning:?/m)[0] ?? '';
    const [, hit = '0', read = '0'] =
      /Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?/.exec(execution) ?? [];
    return {
      text,
      pages: Number(hit) + Number(read),
      sequential: /Seq Scan on notification_log/.test(text),
    };
  } finally {
    await client.query('deallocate explained');
  }
}

/** After five executions PostgreSQL keeps the plan, if one for these very values seems no cheaper. */
async function isPlannedOnce(statement: string, values: readonly string[]): Promise<boolean> {
  await client.query('set plan_cache_mode = auto');
  await client.query(`prepare planned as ${statement}`);
  try {
    const literals = values.map((value) => `'${value}'`).join(', ');
    for (let n = 0; n < 6; n += 1) await client.query(`execute planned (${literals})`);
    const { rows } = await client.query<{ yes: boolean }>(
      `select generic_plans > 0 as yes from pg_prepared_statements where name = 'planned'`,
    );
    return rows[0]?.yes === true;
  } finally {
    await client.query('deallocate planned');
  }
}

/** How many bytes of text one row may have, in a fetch of 100. */
const SHARE = '160000';
const freshLimits = () => ['101', SHARE, life];
const pageLimits = (rows = '100') => [rows, life, SHARE];
const ofPartition = (first: number) =>
  partitionFilter(test.db.names, { number: 3, of: 8 }, first).condition;
const PARTITION = ['3', '8'];

const HOT_PATHS: readonly [
  what: string,
  statement: () => string,
  values: () => readonly string[],
][] = [
  [
    'a fetch that finds nothing',
    () => freshStatement(test.db.names),
    () => [`${LAST_XID + 5}`, `{${LAST_XID + 1},${LAST_XID + 2}}`, '{busy}', ...freshLimits()],
  ],
  [
    'a fetch of a few new rows, some of them late',
    () => freshStatement(test.db.names),
    () => [`${LAST_XID - 5}`, `{${FIRST_XID + 7}}`, '{busy,quiet}', ...freshLimits()],
  ],
  [
    'a fetch of a few new rows of a partition',
    () => freshStatement(test.db.names, ofPartition(7)),
    () => [`${LAST_XID - 5}`, `{${FIRST_XID + 7}}`, '{busy}', ...freshLimits(), ...PARTITION],
  ],
  [
    'a fetch for a quiet channel',
    () => freshStatement(test.db.names),
    () => [`${LAST_XID - 20}`, '{}', '{quiet}', ...freshLimits()],
  ],
  [
    'a fetch that finds too much',
    () => freshStatement(test.db.names),
    () => [`${FIRST_XID}`, '{}', '{busy}', ...freshLimits()],
  ],
  [
    'a fetch that finds too much of a partition',
    () => freshStatement(test.db.names, ofPartition(7)),
    () => [`${FIRST_XID}`, '{}', '{busy}', ...freshLimits(), ...PARTITION],
  ],
  [
    'a fetch that finds too much of one late transaction',
    () => freshStatement(test.db.names),
    () => [`${LAST_XID + 5}`, `{${BULK_XID}}`, '{busy}', ...freshLimits()],
  ],
  [
    'a page in the middle of a backlog',
    () => pageStatement(test.db.names),
    () => ['1:1:', UP_TO_NOW, '100000', '{busy}', ...pageLimits()],
  ],
  [
    'a page of a partition',
    () => pageStatement(test.db.names, ofPartition(8)),
    () => ['1:1:', UP_TO_NOW, '100000', '{busy}', ...pageLimits(), ...PARTITION],
  ],
  [
    'a page of a thousand rows',
    () => pageStatement(test.db.names),
    () => ['1:1:', UP_TO_NOW, '1000', '{busy}', ...pageLimits('1000')],
  ],
  [
    'a page of a quiet channel beside a busy one',
    () => pageStatement(test.db.names),
    () => ['1:1:', UP_TO_NOW, '0', '{quiet}', ...pageLimits('10')],
  ],
  [
    'the last page of a window',
    () => pageStatement(test.db.names),
    () => ['1:1:', UP_TO_NOW, `${ROWS - 10}`, '{quiet,busy}', ...pageLimits()],
  ],
  [
    'a page that begins with a large notification',
    () => largePageStatement(test.db.names),
    () => ['1:1:', UP_TO_NOW, '100000', '{busy}', '100', life, '16000000'],
  ],
  [
    'a fetch of a few new rows of every channel',
    () => freshStatement(test.db.names, '', EVERY_CHANNEL),
    () => [`${LAST_XID - 5}`, `{${FIRST_XID + 7}}`, '{}', ...freshLimits()],
  ],
  [
    'a page of every channel in the middle of a backlog',
    () => pageStatement(test.db.names, '', NEXT_OF_ALL),
    () => ['1:1:', UP_TO_NOW, '100000', '{}', ...pageLimits()],
  ],
  [
    'a page of a thousand rows of every channel',
    () => pageStatement(test.db.names, '', NEXT_OF_ALL),
    () => ['1:1:', UP_TO_NOW, '1000', '{}', ...pageLimits('1000')],
  ],
  [
    'a look of the doorkeeper',
    () => probeStatement(test.db.names),
    () => [`${LAST_XID - 5}`, `{${FIRST_XID + 7}}`, '1001'],
  ],
  [
    'a look of the doorkeeper at one large late transaction',
    () => probeStatement(test.db.names),
    () => [`${LAST_XID + 5}`, `{${BULK_XID}}`, '1001'],
  ],
  [
    'a look that brings along what it finds',
    () => newsStatement(test.db.names),
    () => [`${LAST_XID - 5}`, `{${FIRST_XID + 7}}`, '301', '8192'],
  ],
  [
    'a look that would bring too much of one large late transaction',
    () => newsStatement(test.db.names),
    () => [`${LAST_XID + 5}`, `{${BULK_XID}}`, '301', '8192'],
  ],
  [
    'a look that would bring too much',
    () => newsStatement(test.db.names),
    () => [`${FIRST_XID}`, '{}', '301', '8192'],
  ],
];

/** Read in a transaction of reading(). */
const OBSERVED: typeof HOT_PATHS = [
  [
    'the count of what a consumer has yet to come to',
    () => backlogStatement(test.db.names),
    () => ['1000', 'level'],
  ],
  [
    'the count of what a consumer in the middle of a backlog has yet to come to',
    () => backlogStatement(test.db.names),
    () => ['1000', 'behind'],
  ],
  [
    'the count of what cursors have passed',
    () => passedStatement(test.db.names),
    () => ['1000', positionsOf(`${LAST_XID - 20}:${LAST_XID - 20}:`)],
  ],
  [
    'the count of what a cursor has passed that stands still before a backlog',
    () => passedStatement(test.db.names),
    () => ['1000', inBacklog(100_000)],
  ],
  [
    'the count of what a cursor has passed in the middle of a backlog',
    () => passedStatement(test.db.names),
    () => ['1000000', inBacklog(99_800)],
  ],
  [
    'the count of what a cursor has passed that has just begun with a backlog',
    () => passedStatement(test.db.names),
    () => ['1000000', positionsOf('1:1:', 'begun')],
  ],
  [
    'the story of one notification, for all consumers',
    () => storiesStatement(test.db.names),
    () => ['150000'],
  ],
  ['the channels of the log', () => `${channelsStatement(test.db.names)}`, () => []],
  [
    'what is pending for a consumer that is level',
    () => candidatesStatement(test.db.names),
    () => ['1000', 'level'],
  ],
];

/** Where the consumer was before that is behind. */
function inBacklog(lastId: number): string {
  const behind = { consumer: 'behind', channels: ['busy', 'quiet'], partition: 0 };
  return JSON.stringify([{ ...behind, seen: '1:1:', until: UP_TO_NOW, last_id: lastId }]);
}

/** Where the consumers of this log were before, as passedStatement() is given them. */
function positionsOf(seen: string, consumer = 'level'): string {
  const position = { consumer, channels: ['busy', 'quiet'], partition: 0 };
  return JSON.stringify([{ ...position, seen, until: null, last_id: null }]);
}

describe.each([
  ['before the log was ever analysed', false],
  ['on an analysed log', true],
])('%s', (_, analysed) => {
  beforeAll(async () => {
    if (analysed) await client.query('vacuum analyze pgwatch.notification_log');
  });

  describe.each(['force_custom_plan', 'force_generic_plan'] as const)('with %s', (mode) => {
    it.each(OBSERVED)('%s reads no more than it has to', async (_what, statement, values) => {
      await client.query(`begin; ${FOLLOW_INDEXES}`);
      try {
        const plan = await explain(statement(), values(), mode);
        expect(plan.sequential, plan.text).toBe(false);
        // Up to a thousand rows are counted.
        expect(plan.pages, plan.text).toBeLessThan(FEW_PAGES + 1000);
      } finally {
        await client.query('rollback');
      }
    });

    it.each(HOT_PATHS)('%s reads no more than it has to', async (_what, statement, values) => {
      const plan = await explain(statement(), values(), mode);
      expect(plan.sequential, plan.text).toBe(false);
      expect(plan.pages, plan.text).toBeGreaterThan(0);
      expect(plan.pages, plan.text).toBeLessThan(FEW_PAGES);
    });
  });

  // Those that run again and again on a log that grows. For a partition, the planner makes a part of the
  // condition vanish where it knows how many there are, and so plans anew.
  const planned = HOT_PATHS.filter(
    ([what]) => /^a (fetch|look)/.test(what) && !what.endsWith('of a partition'),
  );
  it.each(planned)('%s is planned once, not each time', async (_what, statement, values) => {
    expect(await isPlannedOnce(statement(), values())).toBe(true);
  });
});

describe('what the admin page asks of a large log', () => {
  beforeAll(() => client.query('vacuum analyze pgwatch.notification_log'));

  async function observed(statement: string, values: readonly string[]): Promise<Plan> {
    await client.query(`begin; ${FOLLOW_INDEXES}`);
    try {
      return await explain(statement, values, 'force_custom_plan');
    } finally {
      await client.query('rollback');
    }
  }

  it('counts hours and asks samples of them what is handled', async () => {
    const hours = ['{1,50000,100000}', '{50000,100000,150000}'];
    const plan = await observed(hoursStatement(test.db.names), hours);
    expect(plan.sequential, plan.text).toBe(false);
    // 200 samples of each hour, and each looks up its consumers.
    expect(plan.pages, plan.text).toBeLessThan(12_000);
  });

  it('counts channels in their index', async () => {
    const plan = await observed(topChannelsStatement(test.db.names), ['150000']);
    expect(plan.sequential, plan.text).toBe(false);
    expect(plan.pages, plan.text).toBeLessThan(2_000);
  });

  it.each([
    ['a quiet channel', { channels: ['quiet'] }, 500],
    ['a key, where there is the index that is advised', { key: 'key 4321' }, 50],
  ])('finds %s in all of it', async (_, filter, pages) => {
    await client.query(keyIndexStatement(test.db.names));
    const parameters = new Parameters();
    const conditions = conditionsOf(filter, parameters).join(' and ');
    const plan = await observed(
      `select id from pgwatch.notification_log log
       where id between 1 and 1000000 and ${conditions} order by id desc limit 50`,
      parameters.values.map(String),
    );
    expect(plan.sequential, plan.text).toBe(false);
    expect(plan.pages, plan.text).toBeLessThan(pages);
  });
});

it('the start of a window is found without reading what is settled', async () => {
  const values = [String(LAST_XID - 100), `{${FIRST_XID + 7}}`];
  const plan = await explain(windowStartStatement(test.db.names), values, 'force_custom_plan');
  expect(plan.sequential, plan.text).toBe(false);
  expect(plan.pages, plan.text).toBeLessThan(FEW_PAGES);
});

it.each(['force_custom_plan', 'force_generic_plan'] as const)(
  'a page of a thousand rows in a log of some ten thousand is read in order, with %s',
  async (mode) => {
    await client.query('delete from pgwatch.notification_log where id > 30000');
    await client.query('vacuum full analyze pgwatch.notification_log');
    const values = ['1:1:', UP_TO_NOW, '0', '{busy}', ...pageLimits('1000')];
    const plan = await explain(pageStatement(test.db.names), values, mode);
    expect(plan.pages, plan.text).toBeLessThan(FEW_PAGES);
  },
);
