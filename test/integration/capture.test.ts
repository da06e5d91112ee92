import { describe, expect, it } from 'vitest';
import { CAPTURES, CaptureFixture } from '../support/capture-fixture.ts';

const fixture = new CaptureFixture();

describe.each(CAPTURES)('a table captured by $by', ({ capture }) => {
  it('has each change in the log, as the original writes it, with the schema', async () => {
    await fixture.run('create table $name (id int primary key, name text, note text)');
    await capture(fixture, fixture.name);
    await fixture.run(`insert into $name values (1, 'Ann', null)`);
    await fixture.run(`update $name set name = 'Bea'`);
    await fixture.run('delete from $name');
    const ann = { id: 1, name: 'Ann', note: null };
    const bea = { id: 1, name: 'Bea', note: null };
    const common = {
      schema: 'public',
      table: fixture.name,
      id: 1,
      metadata: { user_id: null, session_id: null, transaction_id: expect.any(Number) },
    };
    expect((await fixture.log()).map(({ payload }) => payload)).toEqual([
      { ...common, action: 'INSERT', old_data: null, new_data: ann },
      { ...common, action: 'UPDATE', old_data: ann, new_data: bea },
      { ...common, action: 'DELETE', old_data: bea, new_data: null },
    ]);
  });

  it('has the settings app.user_id and app.session_id and its transaction in the metadata', async () => {
    await fixture.run('create table $name (id int primary key)');
    await capture(fixture, fixture.name);
    const transaction = await fixture.session(async (client) => {
      await client.query("set app.session_id = 's-1'");
      await client.query('begin');
      await client.query("set local app.user_id = '42'");
      await client.query(`insert into ${fixture.name} values (1)`);
      const { rows } = await client.query('select txid_current()::text as id');
      await client.query('commit');
      await client.query(`insert into ${fixture.name} values (2)`);
      return Number(rows[0]?.id);
    });
    const metadata = (await fixture.log()).map(({ payload }) => payload['metadata']);
    expect(metadata[0]).toEqual({ user_id: '42', session_id: 's-1', transaction_id: transaction });
    // Back to the empty text that is left of a setting of a transaction: nobody, not ''.
    expect(metadata[1]).toMatchObject({ user_id: null, session_id: 's-1' });
  });

  it.each([
    { key: 'a single column', columns: 'id int primary key', values: '7', id: 7, text: '7' },
    {
      key: 'a column that is not called id',
      columns: 'no int primary key, id text',
      values: "8, 'x'",
      id: 8,
      text: '8',
    },
    {
      key: 'text',
      columns: 'code text primary key',
      values: `E'it''s "q" \\\\ ü'`,
      id: 'it\'s "q" \\ ü',
      text: 'it\'s "q" \\ ü',
    },
    {
      key: 'a bigint beyond 2^53',
      columns: 'id bigint primary key',
      values: '9007199254740993',
      id: 9007199254740993n,
      text: '9007199254740993',
    },
    {
      key: 'an exact decimal',
      columns: 'id numeric primary key',
      values: '1.10',
      id: 1.1,
      text: '1.10',
    },
    {
      key: 'a uuid',
      columns: 'id uuid primary key',
      values: "'6ecd8c99-4036-403d-bf84-cf8400f67836'",
      id: '6ecd8c99-4036-403d-bf84-cf8400f67836',
      text: '6ecd8c99-4036-403d-bf84-cf8400f67836',
    },
    {
      key: 'a date',
      columns: 'id date primary key',
      values: "'infinity'",
      id: 'infinity',
      text: 'infinity',
    },
    {
      key: 'several columns',
      columns: 'b int, a text, v int, primary key (b, a)',
      values: "1, 'x', 3",
      id: { a: 'x', b: 1 },
      text: '[1, "x"]',
    },
    {
      key: 'several columns in another order',
      columns: 'b int, a text, v int, primary key (a, b)',
      values: "1, 'x', 3",
      id: { a: 'x', b: 1 },
      text: '["x", 1]',
    },
    {
      key: 'a key with included columns',
      columns: 'a int, v int, primary key (a) include (v)',
      values: '1, 2',
      id: 1,
      text: '1',
    },
    {
      key: 'a deferrable key',
      columns: 'a int primary key deferrable initially deferred',
      values: '1',
      id: 1,
      text: '1',
    },
    {
      key: 'an identity column',
      columns: 'a int generated always as identity primary key, v int default 5',
      values: 'default',
      id: 1,
      text: '1',
    },
    {
      key: 'a column with a quoted name',
      columns: '"we""ird, x" int primary key',
      values: '5',
      id: 5,
      text: '5',
    },
    {
      key: 'a column named like a type',
      columns: '"json" int, "select" int, primary key ("select")',
      values: '1, 2',
      id: 2,
      text: '2',
    },
  ])('has id and key from $key', async ({ columns, values, id, text }) => {
    await fixture.run(`create table $name (${columns})`);
    await capture(fixture, fixture.name);
    await fixture.run(`insert into $name values (${values}); delete from $name`);
    const log = await fixture.log();
    expect(log.map(({ payload }) => payload['id'])).toEqual([id, id]);
    expect(log.map(({ key }) => key)).toEqual(Array(2).fill(`public.${fixture.name}:${text}`));
  });

  it('has the column id as record id when there is no primary key, and no key', async () => {
    await fixture.run('create table $name (id int, v int)');
    await capture(fixture, fixture.name);
    await fixture.run('insert into $name values (3, 1); update $name set v = 2; delete from $name');
    expect(await fixture.changes()).toEqual(['INSERT 3', 'UPDATE 3', 'DELETE 3']);
    expect((await fixture.log()).map(({ key }) => key)).toEqual([null, null, null]);
  });

  it('has no record id when there is neither a primary key nor a column id', async () => {
    await fixture.run('create table $name (v int)');
    await capture(fixture, fixture.name);
    await fixture.run('insert into $name values (3); update $name set v = 2; delete from $name');
    const log = await fixture.log();
    expect(await fixture.changes()).toEqual(['INSERT null', 'UPDATE null', 'DELETE null']);
    expect(log[1]?.payload).toMatchObject({ old_data: { v: 3 }, new_data: { v: 2 } });
  });

  it('has the new id when an UPDATE changes the primary key', async () => {
    await fixture.run('create table $name (id int primary key)');
    await capture(fixture, fixture.name);
    await fixture.run('insert into $name values (1), (2); update $name set id = id + 10');
    const updates = (await fixture.log()).slice(2);
    expect(updates.map(({ key }) => key)).toEqual([
      `public.${fixture.name}:11`,
      `public.${fixture.name}:12`,
    ]);
    expect(updates.map(({ payload }) => payload)).toMatchObject([
      { id: 11, old_data: { id: 1 }, new_data: { id: 11 } },
      { id: 12, old_data: { id: 2 }, new_data: { id: 12 } },
    ]);
  });

  it.each([
    ['with quotes and a semicolon', 'we"ird; drop table x'],
    ['in upper case with a space and a dot', 'My Table.v2'],
    ['like a type', 'json'],
    ['like a keyword', 'select'],
    ['like a variable of the trigger function', 'payload'],
    ['in another alphabet', '注文 %I'],
    ['of 63 bytes', 'x'.repeat(63)],
  ])('may have a name %s', async (_case, table) => {
    const quoted = `"${table.replaceAll('"', '""')}"`;
    await fixture.run(`create table ${quoted} (id int primary key)`);
    try {
      await capture(fixture, table);
      await fixture.run(`insert into ${quoted} values (1)`);
      const [row] = await fixture.log();
      expect(row?.payload).toMatchObject({ table, schema: 'public', id: 1 });
      expect(row?.key).toBe(
        `${await fixture.value("select format('%I.%I', $1::text, $2::text)", ['public', table])}:1`,
      );
    } finally {
      await fixture.run(`drop table ${quoted}`);
    }
  });

  it('may be in another schema, and its keys differ from those of its namesakes', async () => {
    const schema = `S "${fixture.name}`;
    await fixture.run(
      `create schema "S ""$name"; create table "S ""$name".$name (id int primary key); create table $name (id int primary key)`,
    );
    await capture(fixture, fixture.name, schema);
    await capture(fixture, fixture.name);
    await fixture.run(`insert into "S ""$name".$name values (1); insert into $name values (1)`);
    const log = await fixture.log();
    expect(log.map(({ payload }) => payload['schema'])).toEqual([schema, 'public']);
    expect(log.map(({ key }) => key)).toEqual([
      `"S ""${fixture.name}".${fixture.name}:1`,
      `public.${fixture.name}:1`,
    ]);
  });

  it('may have columns named like its row, or like what the trigger function knows', async () => {
    await fixture.run(
      'create table $name (id int primary key, r int, t int, changed int, new int, old int, tg_op int, data int, $name int, pgwatch_rows int)',
    );
    await capture(fixture, fixture.name);
    await fixture.run(
      'insert into $name values (1, 2, 3, 4, 5, 6, 7, 8, 9, 10); delete from $name',
    );
    const row = {
      id: 1,
      r: 2,
      t: 3,
      changed: 4,
      new: 5,
      old: 6,
      tg_op: 7,
      data: 8,
      [fixture.name]: 9,
      pgwatch_rows: 10,
    };
    expect((await fixture.log()).map(({ payload }) => payload)).toMatchObject([
      { id: 1, new_data: row },
      { id: 1, old_data: row },
    ]);
  });

  it('may have generated, identity and dropped columns', async () => {
    await fixture.run(`create table $name (gone int, id int generated by default as identity primary key, n int, twice int generated always as (n * 2) stored, also_gone text);
      alter table $name drop column gone, drop column also_gone`);
    await capture(fixture, fixture.name);
    await fixture.run('insert into $name (n) values (4)');
    const [row] = await fixture.log();
    expect(row?.payload['new_data']).toEqual({ id: 1, n: 4, twice: 8 });
  });

  it('may have 1,600 columns', async () => {
    const columns = Array.from({ length: 1599 }, (_, n) => `c${n} int default ${n}`);
    await fixture.run(`create table $name (id int primary key, ${columns.join(', ')})`);
    await capture(fixture, fixture.name);
    await fixture.run('insert into $name values (1); update $name set c0 = 5; delete from $name');
    const [insert, update] = await fixture.log();
    expect(Object.keys(Object(insert?.payload['new_data']))).toHaveLength(1600);
    expect(update?.payload).toMatchObject({
      old_data: { c0: 0, c1598: 1598 },
      new_data: { c0: 5 },
    });
  });

  it('keeps every value of every type', async () => {
    await fixture.run(`
      create type $name_mood as enum ('fine', 'so-so');
      create type $name_pair as (a int, b text);
      create domain $name_short as text check (length(value) < 9);
      create table $name (
        id int primary key, mood $name_mood, pair $name_pair, short $name_short, grid int[][],
        exact numeric, big bigint, double float8, nan float8, huge numeric, bytes bytea, at timestamptz,
        span interval, range int4range, ranges int4multirange, doc jsonb, words tsvector, empty text)`);
    await capture(fixture, fixture.name);
    await fixture.run(`insert into $name values (1, 'so-so', (1, 'x'), 'short', '{{1,2},{3,null}}',
      12345678901234567890.12345678900, -9223372036854775808, 0.1, 'nan', 1e1000, '\\x00ff', 'infinity',
      '1 day 2 hours', '[1,5)', '{[1,3),[7,9)}', '{"a": [null, {}, "", 1.50]}', 'a:1 b:2', '')`);
    const same = await fixture.value(
      `select payload -> 'new_data' = (select to_jsonb(t) from $name t) from pgwatch.notification_log where channel = $1`,
      [fixture.name],
    );
    expect(same).toBe(true);
    const text = await fixture.value(
      `select payload::text from pgwatch.notification_log where channel = $1`,
      [fixture.name],
    );
    expect(text).toContain('12345678901234567890.12345678900');
    expect(text).toContain('-9223372036854775808');
  });
});

describe('notify_data_change()', () => {
  it('writes to the channel data_change unless given another', async () => {
    await fixture.run(`create table $name (id int primary key);
      create trigger t after insert on $name for each row execute function notify_data_change();
      insert into $name values (1)`);
    expect(await fixture.changes('data_change')).toEqual(['INSERT 1']);
  });

  it('in a BEFORE trigger captures the row as it is then, and lets it pass', async () => {
    await fixture.run(`create table $name (id int primary key, v int);
      create trigger t before insert or update or delete on $name for each row execute function notify_data_change('$name');
      insert into $name values (1, 1), (2, 2); update $name set v = v + 1; delete from $name where id = 1`);
    expect(await fixture.changes()).toEqual([
      'INSERT 1',
      'INSERT 2',
      'UPDATE 1',
      'UPDATE 2',
      'DELETE 1',
    ]);
    expect(await fixture.value('select array_agg(t::text) from $name t')).toEqual(['(2,3)']);
  });

  it('on a view, instead of a change, captures it', async () => {
    await fixture.run(`create view $name as select 1 as id, 2 as v;
      create trigger t instead of insert or update or delete on $name for each row execute function notify_data_change('$name');
      insert into $name values (5, 6); update $name set v = 9; delete from $name`);
    expect(await fixture.changes()).toEqual(['INSERT 5', 'UPDATE 1', 'DELETE 1']);
  });

  it('for each statement notes the statement, and TRUNCATE too', async () => {
    await fixture.run(`create table $name (id int primary key);
      create trigger t after insert or update or delete or truncate on $name for each statement execute function notify_data_change('$name');
      insert into $name values (1), (2); update $name set id = id + 2; delete from $name where false; truncate $name`);
    const log = await fixture.log();
    expect(await fixture.changes()).toEqual([
      'INSERT null',
      'UPDATE null',
      'DELETE null',
      'TRUNCATE null',
    ]);
    for (const { key, payload } of log) {
      expect(key).toBeNull();
      expect(payload).toMatchObject({ table: fixture.name, old_data: null, new_data: null });
    }
  });

  it('heeds the conditions of its trigger', async () => {
    await fixture.run(`create table $name (id int primary key, v int, w int);
      create trigger a after update of v on $name for each row when (new.v > old.v) execute function notify_data_change('$name');
      insert into $name values (1, 1, 1); update $name set w = 5; update $name set v = 0; update $name set v = 2`);
    expect((await fixture.log()).map(({ payload }) => payload['new_data'])).toEqual([
      { id: 1, v: 2, w: 5 },
    ]);
  });

  it('refuses a channel that cannot be one, with the statement', async () => {
    await fixture.run(`create table $name (id int primary key);
      create trigger t after insert on $name for each row execute function notify_data_change('')`);
    await expect(fixture.run('insert into $name values (1)')).rejects.toMatchObject({
      code: '22023',
      hint: expect.any(String),
    });
    expect(await fixture.value('select count(*)::int from $name')).toBe(0);
  });

  it('may change the values through a BEFORE trigger, and captures what was stored', async () => {
    await fixture.run(`create table $name (id int primary key, v text);
      create function $name_upper() returns trigger language plpgsql as $$ begin new.v := upper(new.v); return new; end $$;
      create trigger a before insert on $name for each row execute function $name_upper();
      create trigger b after insert on $name for each row execute function notify_data_change('$name');
      insert into $name values (1, 'loud')`);
    expect((await fixture.log())[0]?.payload['new_data']).toEqual({ id: 1, v: 'LOUD' });
  });
});
