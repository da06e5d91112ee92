import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { createTriggerForTable } from '../../src/capture/triggers.ts';
import { CAPTURES, CaptureFixture } from '../support/capture-fixture.ts';

const fixture = new CaptureFixture();

/** An application's role: it may do what it likes in the schema of the same name, and no more. */
const role = `pgwatch_test_${randomBytes(8).toString('hex')}`;

beforeEach(async (test) => {
  await fixture.skipUnlessSuperuser(test);
  await fixture.run(`do $$ begin
    if to_regrole('${role}') is null then
      create role ${role}; create schema ${role} authorization ${role};
    end if;
  end $$`);
});
afterAll(() =>
  fixture.run(`do $$ begin
    if to_regrole('${role}') is not null then
      drop owned by ${role} cascade; drop role ${role};
    end if;
  end $$`),
);

const asApplication = <T>(work: (client: pg.Client) => Promise<T>) => fixture.session(work, role);

describe.each(CAPTURES)(
  'an application role that writes a table captured by $by',
  ({ capture }) => {
    async function table(columns: string): Promise<string> {
      const name = `${role}.${fixture.name}`;
      await fixture.run(`create table ${name} (${columns}); alter table ${name} owner to ${role}`);
      await capture(fixture, fixture.name, role);
      return name;
    }

    it('needs no right on the log', async () => {
      const name = await table('id int primary key, v int');
      await asApplication(async (client) => {
        await client.query(`insert into ${name} values (1, 1), (2, 2)`);
        await client.query(`update ${name} set v = 0`);
        await client.query(`delete from ${name} where id = 2`);
      });
      expect((await fixture.changes()).sort()).toEqual([
        'DELETE 2',
        'INSERT 1',
        'INSERT 2',
        'UPDATE 1',
        'UPDATE 2',
      ]);
    });

    it('runs the casts of its types with its own rights', async () => {
      await fixture.run(`set local role ${role}; set local search_path = ${role};
      create type $name_type as enum ('a', 'b');
      create function $name_cast($name_type) returns json language plpgsql as $$
      begin
        if $1 = 'b' then execute 'alter role ${role} superuser'; end if;
        return json_build_object('user', current_user);
      end $$;
      create cast ($name_type as json) with function $name_cast($name_type)`);
      const name = await table(
        `id int primary key, t ${role}.$name_type`.replace('$name', fixture.name),
      );
      await asApplication(async (client) => {
        await client.query(`insert into ${name} values (1, 'a'), (2, 'b')`);
        await client.query(`update ${name} set t = 'b' where id = 1`);
      });
      const payloads = (await fixture.log()).map(({ payload }) => payload);
      expect(payloads).toMatchObject([
        { id: 1, new_data: { t: { user: role } } },
        {
          id: 2,
          new_data: { t: 'b' },
          capture_error: expect.stringMatching(/permission denied|superuser/),
        },
        {
          id: 1,
          new_data: { t: 'b' },
          old_data: { t: { user: role } },
          capture_error: expect.any(String),
        },
      ]);
      expect(await fixture.value('select rolsuper from pg_roles where rolname = $1', [role])).toBe(
        false,
      );
    });

    it('may write it through a view, without a right on its schema', async () => {
      const schema = `${fixture.name}_hidden`;
      await fixture.run(`create schema ${schema};
      create table ${schema}.$name (id int primary key, doc json);
      create view ${role}.$name_view as select * from ${schema}.$name;
      grant insert, update, delete, select on ${role}.$name_view to ${role}`);
      await capture(fixture, fixture.name, schema);
      await asApplication(async (client) => {
        const view = `${role}.${fixture.name}_view`;
        await client.query(`insert into ${view} values (1, '{}'), (2, '"\\u0000"')`);
        await client.query(`update ${view} set id = id + 2`);
        await client.query(`delete from ${view}`);
      });
      const log = await fixture.log();
      expect(log.map(({ payload }) => payload['action']).sort()).toEqual([
        'DELETE',
        'DELETE',
        'INSERT',
        'INSERT',
        'UPDATE',
        'UPDATE',
      ]);
      expect(log.filter(({ payload }) => 'capture_error' in payload)).toHaveLength(3);
    });

    it('may have the right to insert and no other, and be under row security', async () => {
      const name = `${role}.${fixture.name}`;
      await fixture.run(`create table ${name} (id int primary key, doc json);
      alter table ${name} enable row level security; alter table ${name} force row level security;
      create policy p on ${name} for insert with check (true);
      grant insert on ${name} to ${role}`);
      await capture(fixture, fixture.name, role);
      await asApplication((client) =>
        client.query(`insert into ${name} values (1, '{}'), (2, '"\\u0000"')`),
      );
      expect((await fixture.log()).map(({ payload }) => payload['new_data'])).toEqual([
        { id: 1, doc: {} },
        { id: 2, doc: '"\\u0000"' },
      ]);
    });

    it('gains nothing by a hostile search_path, and neither does anybody else', async () => {
      const name = await table('id int primary key, note text');
      await asApplication(async (client) => {
        await setHostilePath(client);
        await client.query(`insert into ${name} values (1, 'x'), (2, 'y')`);
        await client.query(`update ${name} set note = 'z' where id operator(pg_catalog.=) 1`);
        await client.query(`select public.smart_notify('${fixture.name}', '{"id": 3}', 'k')`);
      });
      const log = await fixture.log();
      expect(log.map(({ payload }) => payload['id'])).toEqual([1, 2, 1, 3]);
      expect(log[2]).toMatchObject({
        key: `${role}.${fixture.name}:1`,
        payload: { table: fixture.name, old_data: { note: 'x' }, new_data: { note: 'z' } },
      });
      expect(log.every(({ payload }) => !('capture_error' in payload))).toBe(true);
    });
  },
);

/**
 * Puts functions, operators, types and tables before PostgreSQL's, each of which would show:
 * nothing works with them.
 */
async function setHostilePath(client: pg.Client): Promise<void> {
  const schema = `${role}_hostile`;
  await fixture.run(
    `drop schema if exists ${schema} cascade; create schema ${schema} authorization ${role}`,
  );
  const functions = [
    'octet_length(text) returns int',
    'pg_notify(text, text) returns void',
    'to_jsonb(anyelement) returns jsonb',
    'current_setting(text, boolean) returns text',
    'set_config(text, text, boolean) returns text',
    'txid_current() returns bigint',
    'cardinality(anyarray) returns int',
    'lower(text) returns text',
    'pg_try_advisory_xact_lock_shared(int, int) returns boolean',
    'array_append(anyarray, anyelement) returns anyarray',
    'unnest(anyarray) returns setof anyelement',
    'clock_timestamp() returns timestamptz',
    'pg_column_size(jsonb) returns int',
    'pg_stat_get_xact_tuples_updated(oid) returns bigint',
    'pg_partition_root(regclass) returns regclass',
    'pg_describe_object(oid, oid, int) returns text',
    'pg_get_indexdef(oid) returns text',
    'int4eq(int, int) returns boolean',
    'texteq(text, text) returns boolean',
    'textcat(text, text) returns text',
    'field(jsonb, text) returns jsonb',
    'field_text(jsonb, text) returns text',
    'append(text, text, jsonb, boolean) returns bigint',
    'describe_table(oid) returns text[]',
  ];
  const operators = [
    '= (leftarg = int, rightarg = int, function = int4eq)',
    '= (leftarg = text, rightarg = text, function = texteq)',
    '|| (leftarg = text, rightarg = text, function = textcat)',
    '-> (leftarg = jsonb, rightarg = text, function = field)',
    '->> (leftarg = jsonb, rightarg = text, function = field_text)',
  ];
  const relations = ['notification_log', 'pg_class', 'pg_index', 'pg_attribute', 'pg_namespace'];
  const trap = `language plpgsql as $$ begin raise 'hijacked, as %', current_user; end $$`;
  await client.query(`set search_path = ${schema}, pg_catalog`);
  for (const definition of functions) await client.query(`create function ${definition} ${trap}`);
  for (const definition of operators) await client.query(`create operator ${definition}`);
  for (const relation of relations) {
    await client.query(
      `create table ${schema}.${relation} (nothing int); create temp table ${relation} (nothing int)`,
    );
  }
  await client.query(
    `create domain ${schema}.int8 as text; create domain ${schema}.timestamptz as text`,
  );
  await expect(client.query(`select lower('A')`)).rejects.toThrow('hijacked');
}

describe('the rights of an application role', () => {
  it('are none on any table or sequence of pgwatch', async () => {
    const { rows } = await fixture.database.query<{ name: string; kind: string }>(
      `select oid::regclass::text as name, relkind as kind from pg_class
       where relnamespace = 'pgwatch'::regnamespace and relkind in ('r', 'S')`,
    );
    expect(rows.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'pgwatch.notification_log',
        'pgwatch.consumer',
        'pgwatch.consumer_cursor',
        'pgwatch.redelivery',
        'pgwatch.notification_log_id_seq',
      ]),
    );
    await asApplication(async (client) => {
      for (const { name, kind } of rows) {
        const attempts =
          kind === 'S'
            ? [`select nextval('${name}')`, `select setval('${name}', 1)`]
            : [
                `select from ${name}`,
                `insert into ${name} default values`,
                `delete from ${name}`,
                `truncate ${name}`,
                `do $$ begin lock table ${name}; end $$`,
                `update ${name} set ctid = ctid`,
                `create trigger t after insert on ${name} execute function notify_data_change()`,
              ];
        for (const sql of attempts) {
          await expect(client.query(sql), sql).rejects.toMatchObject({
            code: expect.stringMatching(/42501|0A000/),
          });
        }
      }
    });
  });

  it('allow it to send notifications, and nothing of what only pgwatch calls', async () => {
    await asApplication(async (client) => {
      const sent = await client.query(`select smart_notify('${fixture.name}', '{"id": 1}')`);
      expect(sent.rows).toHaveLength(1);
      for (const call of [
        'somebody_is_awake()',
        'broadcasts(true)',
        `broadcast('c', 1, now(), '{}')`,
        `valid_channel('c')`,
      ]) {
        await expect(client.query(`select pgwatch.${call}`), call).rejects.toMatchObject({
          code: '42501',
        });
      }
    });
    expect(await fixture.log()).toHaveLength(1);
  });

  it('suffice where functions are granted to nobody by default', async () => {
    const hardened = `hardened_${fixture.name}`;
    await fixture.run('alter default privileges revoke execute on functions from public');
    try {
      await fixture.installBeside(hardened, hardened);
    } finally {
      await fixture.run('alter default privileges grant execute on functions to public');
    }
    const table = `${role}.${fixture.name}`;
    await fixture.run(
      `create table ${table} (id int primary key, doc json); alter table ${table} owner to ${role}`,
    );
    await createTriggerForTable(fixture.database.pool, fixture.name, {
      schema: role,
      pgwatchSchema: hardened,
      functionsSchema: hardened,
    });
    await asApplication(async (client) => {
      await client.query(`insert into ${table} values (1, '{}'), (2, '"\\u0000"')`);
      await client.query(`update ${table} set id = id + 2`);
      await client.query(`select ${hardened}.smart_notify('c')`);
    });
    expect(await fixture.value(`select count(*)::int from ${hardened}.notification_log`)).toBe(5);
  });
});

describe('the functions of pgwatch', () => {
  it('pin their search_path where they run with the rights of their owner', async () => {
    const { rows } = await fixture.database.query<{ name: string; settings: string[] }>(
      `select proname::text as name, proconfig as settings from pg_proc
       where prosecdef and pronamespace in ('pgwatch'::regnamespace, 'public'::regnamespace)
       order by 1, pronargs`,
    );
    const searchPath = 'search_path=pg_catalog, pg_temp';
    expect(rows).toEqual([
      { name: 'append', settings: [searchPath] },
      { name: 'append_many', settings: [searchPath] },
      { name: 'smart_notify', settings: [searchPath] },
      { name: 'smart_notify', settings: [searchPath] },
    ]);
  });
});
