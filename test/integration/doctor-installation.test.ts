import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { createTriggerForTable } from '../../src/capture/triggers.ts';
import { skewFindings } from '../../src/observe/checkup/clock.ts';
import { queueFindings } from '../../src/observe/checkup/server.ts';
import { CheckupFixture } from '../support/checkup-fixture.ts';
import { openAt } from '../support/open-database.ts';

const fixture = new CheckupFixture({
  max_prepared_transactions: '5',
  fsync: 'on',
  full_page_writes: 'on',
});
const { run } = { run: (text: string, values: unknown[] = []) => fixture.run(text, values) };

/** Breaks something, and shows that it is found, that what is proposed mends it, and that it is gone. */
async function isFoundAndMended(check: string, breaking: string, expected: object) {
  expect(await fixture.findings(check)).toEqual([]);
  await run(breaking);
  const finding = await fixture.finding(check);
  expect(finding).toMatchObject(expected);
  await fixture.mend(finding);
  expect(await fixture.findings(check)).toEqual([]);
}

const PROBLEM = { severity: 'problem' };

it('a new installation has no problem and no warning', async () => {
  const findings = await fixture.all({ consumers: [] });
  const grave = findings.filter(({ severity }) => severity === 'problem' || severity === 'warning');
  expect(grave).toEqual([]);
  expect(findings.map(({ check }) => check)).toEqual(
    expect.arrayContaining(['connection', 'schema', 'copy', 'pooler', 'listen', 'proof']),
  );
});

describe('capture', () => {
  it('that is disabled', async () => {
    await run('create table t1 (id int primary key)');
    await createTriggerForTable(fixture.db.pool, 't1', { channel: 'one' });
    await isFoundAndMended('triggers', 'alter table t1 disable trigger _pgwatch_capture', {
      ...PROBLEM,
      what: expect.stringContaining('is disabled'),
    });
    await isFoundAndMended('triggers', 'alter table t1 enable replica trigger _pgwatch_capture', {
      ...PROBLEM,
      what: expect.stringContaining('for replication only'),
    });
  });

  it('that lacks a trigger, or has one that is made otherwise', async () => {
    await run('create table t2 (id int primary key)');
    await createTriggerForTable(fixture.db.pool, 't2', { channel: 'zwei·' });
    await isFoundAndMended('triggers', 'drop trigger _pgwatch_capture_delete on t2', {
      what: expect.stringContaining('_pgwatch_capture_delete is missing'),
    });
    await isFoundAndMended(
      'triggers',
      `create or replace trigger _pgwatch_capture after update on t2 for each row
       when (new.id > 5) execute function notify_data_change('zwei·')`,
      { what: expect.stringContaining('_pgwatch_capture has a condition') },
    );
    await isFoundAndMended(
      'triggers',
      `create or replace trigger _pgwatch_capture_insert after insert on t2
       referencing new table as pgwatch_rows for each statement
       execute function pgwatch.capture_statement('elsewhere')`,
      { what: expect.stringContaining('writes the channel elsewhere') },
    );
    const [row] = await run('insert into t2 values (1) returning 1');
    expect(row).toBeDefined();
    expect(
      await run(`select channel from pgwatch.notification_log where channel = 'zwei·'`),
    ).toEqual([{ channel: 'zwei·' }]);
  });

  it('of a table that has become one of those captured row by row, at once', async () => {
    await run('create table t3 (id int primary key)');
    await createTriggerForTable(fixture.db.pool, 't3');
    // Between a DROP and a CREATE that are committed each for itself, changes would not be captured.
    const atOnce = expect.stringMatching(
      /^begin;\ndrop trigger [\s\S]*;\ncreate or replace trigger [\s\S]*;\ncommit;$/,
    );
    await isFoundAndMended('triggers', 'create table t3_child () inherits (t3)', {
      what: expect.stringContaining('_pgwatch_capture_insert on public.t3 does not belong there'),
      mend: [atOnce],
    });
  });

  it('of partitions is that of their table', async () => {
    await run(`create table t4 (id int primary key) partition by range (id);
               create table t4_low partition of t4 for values from (0) to (10)`);
    await createTriggerForTable(fixture.db.pool, 't4');
    expect(await fixture.findings('triggers')).toEqual([]);
  });

  it('twice, by the helper and by hand', async () => {
    await run('create table t5 (id int primary key)');
    await createTriggerForTable(fixture.db.pool, 't5');
    await isFoundAndMended(
      'triggers',
      `create trigger by_hand after update on t5 for each row execute function notify_data_change()`,
      { severity: 'warning', what: expect.stringContaining('captured twice') },
    );
  });

  it('that a role or a database turns off by session_replication_role', async () => {
    await run('create role loader');
    for (const subject of [
      'role loader',
      'role all',
      'database postgres',
      'role loader in database postgres',
    ]) {
      await isFoundAndMended(
        'session_replication_role',
        `alter ${subject} set session_replication_role = replica`,
        PROBLEM,
      );
    }
  });

  it('that all of the server turns off, or the options of the connection', async () => {
    await run('alter system set session_replication_role = replica');
    await run('select pg_reload_conf()');
    const look = () => fixture.findings('session_replication_role');
    await expect.poll(look).toHaveLength(1);
    const finding = await fixture.finding('session_replication_role');
    expect(finding).toMatchObject({ ...PROBLEM, what: expect.stringContaining('all sessions') });
    await fixture.mend(finding);
    await expect.poll(look).toEqual([]);
    const url = new URL(fixture.db.url);
    url.searchParams.set('options', '-c session_replication_role=replica');
    const db = openAt(url.href);
    expect(await fixture.finding('session_replication_role', {}, db)).toMatchObject({
      mend: [expect.stringContaining('the options of the database URL')],
    });
    await db.close();
  });
});

describe('the functions', () => {
  it('that have another body', async () => {
    await isFoundAndMended(
      'functions',
      `create or replace function notify_data_change() returns trigger language plpgsql
       set search_path = pg_catalog, pg_temp as 'begin return new; end'`,
      {
        ...PROBLEM,
        what: expect.stringContaining('notify_data_change() is not that of this version'),
      },
    );
  });

  it('that lack SECURITY DEFINER or their search_path', async () => {
    await isFoundAndMended(
      'functions',
      'alter function smart_notify(text, jsonb, text) security invoker',
      { what: expect.stringContaining('not SECURITY DEFINER') },
    );
    await isFoundAndMended(
      'functions',
      'alter function smart_notify(text, jsonb, text) reset search_path',
      { what: expect.stringContaining('its settings are none') },
    );
  });

  it('that are missing, with the rights that they had', async () => {
    const rights = () =>
      run(
        `select has_function_privilege('public', 'pgwatch.text_of(jsonb,int)', 'execute') as yes`,
      );
    await isFoundAndMended('functions', 'drop function pgwatch.text_of(jsonb, integer)', {
      what: 'The function pgwatch.text_of(jsonb, integer) is missing.',
    });
    expect(await rights()).toEqual([{ yes: false }]);
  });

  it('that are recreated may be called by no more than before, whatever their types are called', async () => {
    const signature = 'pgwatch.broadcast(text, bigint, timestamptz, jsonb)';
    await isFoundAndMended('functions', `drop function ${signature}`, {
      what: expect.stringContaining('is missing'),
    });
    expect(
      await run(`select has_function_privilege('public', '${signature}', 'execute') as yes`),
    ).toEqual([{ yes: false }]);
  });
});

describe('the tables', () => {
  it('without an index, or with one that is invalid', async () => {
    await isFoundAndMended('tables', 'drop index pgwatch.notification_log_xid_id', {
      ...PROBLEM,
      what: 'The index notification_log_xid_id is missing.',
    });
    await isFoundAndMended(
      'tables',
      `update pg_index set indisvalid = false where indexrelid = 'pgwatch.redelivery_due'::regclass`,
      { what: 'The index redelivery_due is invalid.' },
    );
  });

  it('that a crash would empty, or would not', async () => {
    await isFoundAndMended('tables', 'alter table pgwatch.notification_log set unlogged', PROBLEM);
    await isFoundAndMended('tables', 'alter table pgwatch.server_life set logged', PROBLEM);
  });

  it('with row security, or triggers of others', async () => {
    await isFoundAndMended('tables', 'alter table pgwatch.consumer enable row level security', {
      severity: 'warning',
    });
    await isFoundAndMended(
      'tables',
      `create function meddle() returns trigger language plpgsql as 'begin return null; end';
       create trigger meddle before insert on pgwatch.notification_log for each row
         execute function meddle()`,
      { severity: 'warning', what: expect.stringContaining('trigger meddle') },
    );
  });

  it('of others in the same schema are left alone', async () => {
    await run(`create unlogged table pgwatch.orders (id int primary key) with (autovacuum_enabled = false);
               alter table pgwatch.orders enable row level security;
               create trigger orders before insert on pgwatch.orders for each row
                 execute function meddle()`);
    expect(await fixture.findings('tables')).toEqual([]);
    expect(await fixture.findings('autovacuum')).toEqual([]);
    await run('drop table pgwatch.orders');
  });

  it('without autovacuum, or set up otherwise', async () => {
    await isFoundAndMended(
      'autovacuum',
      'alter table pgwatch.redelivery set (autovacuum_enabled = false)',
      PROBLEM,
    );
    await isFoundAndMended('autovacuum', 'alter table pgwatch.consumer_cursor reset (fillfactor)', {
      severity: 'note',
    });
    await run('alter system set autovacuum = off');
    await run('select pg_reload_conf()');
    await expect.poll(() => run('show autovacuum')).toEqual([{ autovacuum: 'off' }]);
    const finding = await fixture.finding('autovacuum');
    expect(finding).toMatchObject(PROBLEM);
    await fixture.mend(finding);
    await expect.poll(() => fixture.findings('autovacuum')).toEqual([]);
  });
});

describe('privileges', () => {
  it('that a role lacks to run consumers', async () => {
    await run(`create role weak login password 'w'`);
    const url = new URL(fixture.db.url);
    url.username = 'weak';
    url.password = 'w';
    const db = openAt(url.href);
    try {
      const found = await fixture.findings('privileges', {}, db);
      expect(found[0]).toMatchObject({
        ...PROBLEM,
        what: expect.stringContaining('select on table "pgwatch"."notification_log"'),
        mend: [expect.stringContaining('--grant-consumer weak')],
      });
    } finally {
      await db.close();
    }
  });

  it('that PUBLIC lacks, or the owner of the functions', async () => {
    await run('revoke execute on function pgwatch.append(text, text, jsonb, boolean) from public');
    expect(await fixture.finding('privileges')).toMatchObject({ severity: 'note' });
    await run('grant execute on function pgwatch.append(text, text, jsonb, boolean) to public');
    await run('create role powerless');
    await run('alter function pgwatch.append(text, text, jsonb, boolean) owner to powerless');
    const finding = await fixture.finding('privileges');
    expect(finding.what).toContain('The owner powerless of the function append()');
    await fixture.mend(finding);
    expect(await fixture.findings('privileges')).toEqual([]);
  });
});

describe('the server', () => {
  it.each(['database postgres', 'role all', 'role me', 'role me in database postgres'])(
    'that is read-only by default, by %s',
    async (subject) => {
      const me = new URL(fixture.db.url).username;
      await run(`alter ${subject.replace('me', me)} set default_transaction_read_only = on`);
      // One session: what mends it has to work in one that is read-only itself.
      const db = openAt(fixture.db.url, { poolSize: 1 });
      try {
        const finding = await fixture.finding('server', {}, db);
        expect(finding).toMatchObject(PROBLEM);
        await fixture.mend(finding, db);
      } finally {
        await db.close();
      }
      const after = openAt(fixture.db.url);
      expect(await fixture.findings('server', {}, after)).toEqual([]);
      await after.close();
    },
  );

  it('that is read-only by its configuration', async () => {
    await run('alter system set default_transaction_read_only = on');
    await run('select pg_reload_conf()');
    await expect.poll(() => fixture.findings('server')).toHaveLength(1);
    await fixture.mend(await fixture.finding('server'));
    await expect.poll(() => fixture.findings('server')).toEqual([]);
  });

  it('with a transaction that was prepared and forgotten', async () => {
    await run(`begin; create table forgotten (); prepare transaction 'it''s forgotten'`);
    expect(await fixture.findings('prepared transactions')).toEqual([]);
    const long = { longTransactionSeconds: 0 };
    const finding = await fixture.finding('prepared transactions', long);
    expect(finding.mend).toContain(`rollback prepared 'it''s forgotten';`);
    await fixture.mend({ ...finding, mend: finding.mend?.slice(0, 1) ?? [] });
    expect(await fixture.findings('prepared transactions', long)).toEqual([]);
  });

  it('with a replication slot that nobody uses', async () => {
    await isFoundAndMended('horizon', `select pg_create_physical_replication_slot('gone', true)`, {
      severity: 'warning',
      what: expect.stringContaining('the replication slot gone'),
    });
  });

  it('whose queue of NOTIFYs fills, or whose clock is another', () => {
    expect(queueFindings(0.05)).toEqual([]);
    expect(queueFindings(0.2)).toMatchObject([{ severity: 'warning' }]);
    expect(queueFindings(0.6)).toMatchObject([PROBLEM]);
    expect(skewFindings(4, 0)).toEqual([]);
    expect(skewFindings(9, 6)).toEqual([]);
    expect(skewFindings(-90, 1)).toMatchObject([{ what: expect.stringContaining('90 s behind') }]);
  });
});

describe('the database', () => {
  it('that is a copy is said to be one, and its cursors are left alone', async () => {
    await run('update pgwatch.installation set system_identifier = system_identifier + 1');
    expect(await fixture.finding('copy')).toMatchObject({
      ...PROBLEM,
      mend: expect.arrayContaining(['pgwatch adopt --skip-pending']),
    });
    await run('update pgwatch.installation set system_identifier = system_identifier - 1');
  });

  it('that is not there, or has no installation, is the only thing that is told', async () => {
    const url = new URL(fixture.db.url);
    url.pathname = '/nowhere';
    const nowhere = openAt(url.href);
    expect(await fixture.finding('connection', {}, nowhere)).toMatchObject({
      ...PROBLEM,
      what: expect.stringContaining('nowhere'),
    });
    await nowhere.close();
    await run('create database empty');
    url.pathname = '/empty';
    const empty = openAt(url.href);
    expect(await fixture.finding('schema', {}, empty)).toMatchObject({
      mend: ['pgwatch migrate'],
    });
    await empty.close();
  });

  it('to which LISTEN leads elsewhere', async () => {
    const listenUrl = new URL(fixture.db.url);
    listenUrl.pathname = '/template1';
    const db = openAt(fixture.db.url, { listenUrl: listenUrl.href });
    expect(await fixture.finding('listen', {}, db)).toMatchObject({
      ...PROBLEM,
      mend: [expect.stringContaining('listenUrl')],
    });
    await db.close();
  });
});

it('long transactions are named, with what ends them', async () => {
  const long = { longTransactionSeconds: 0 };
  const client = new pg.Client(fixture.db.url);
  const ended = new Promise<void>((resolve) => client.on('end', () => resolve()));
  client.on('error', () => {});
  await client.connect();
  await client.query('begin; create table long_work ()');
  const writer = await fixture.finding('writers', long);
  expect(writer).toMatchObject({ severity: 'warning', what: expect.stringContaining('process') });
  await fixture.mend(writer);
  await ended;
  await expect.poll(() => fixture.findings('writers', long)).toEqual([]);
});

it('a long reader is named, with what ends it', async () => {
  const long = { longTransactionSeconds: 0 };
  const client = new pg.Client(fixture.db.url);
  const ended = new Promise<void>((resolve) => client.on('end', () => resolve()));
  client.on('error', () => {});
  await client.connect();
  await client.query('begin isolation level repeatable read; select');
  const reader = await fixture.finding('horizon', long);
  expect(reader).toMatchObject({ what: expect.stringContaining('idle in transaction') });
  await fixture.mend(reader);
  await ended;
  await expect.poll(() => fixture.findings('horizon', long)).toEqual([]);
});
