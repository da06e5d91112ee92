import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/parse-json.ts';
import { CAPTURES, CaptureFixture } from '../support/capture-fixture.ts';

const fixture = new CaptureFixture();

async function payloads(): Promise<JsonObject[]> {
  return (await fixture.log()).map(({ payload }) => payload);
}

/** A type of the test's, and its cast to json. */
async function typeWithCast(body: string): Promise<void> {
  await fixture.run(`
    create type $name_type as enum ('a', 'b c');
    create function $name_cast($name_type) returns json language plpgsql as $$ begin ${body} end $$;
    create cast ($name_type as json) with function $name_cast($name_type)`);
}

describe.each(CAPTURES)('a row that cannot be JSON, captured by $by', ({ capture }) => {
  it('with \\u0000 in a json column has that as text, and says why', async () => {
    await fixture.run(
      'create table $name (id int primary key, "d""oc" json, gone int, n int); alter table $name drop column gone',
    );
    await capture(fixture, fixture.name);
    const bad = '{"a": "\\u0000"}';
    await fixture.database.query(
      `insert into ${fixture.name} values (1, '{"fine": 1}', 10), (2, $1, 20), (3, '[]', 30)`,
      [bad],
    );
    await fixture.run('update $name set n = n + 1; delete from $name');
    const log = await fixture.log();
    expect(log).toHaveLength(9);
    expect(new Set(log.map(({ key }) => key))).toEqual(
      new Set([1, 2, 3].map((id) => `public.${fixture.name}:${id}`)),
    );
    const ofBad = log.map(({ payload }) => payload).filter(({ id }) => id === 2);
    const row = { id: 2, 'd"oc': bad, n: 20 };
    const after = { ...row, n: 21 };
    const reason = expect.stringContaining('Unicode');
    expect(ofBad).toMatchObject([
      { action: 'INSERT', old_data: null, new_data: row, capture_error: reason },
      { action: 'UPDATE', old_data: row, new_data: after, capture_error: reason },
      { action: 'DELETE', old_data: after, new_data: null, capture_error: reason },
    ]);
    const others = log.map(({ payload }) => payload).filter(({ id }) => id !== 2);
    expect(others.every((payload) => !('capture_error' in payload))).toBe(true);
    expect(others[0]?.['new_data']).toEqual({ id: 1, 'd"oc': { fine: 1 }, n: 10 });
  });

  it.each(
    [
      ['a number out of the range of jsonb', `'{"n": 1e999999}'`, /numeric/],
      ['half a surrogate pair', `'"\\ud800"'`, /invalid input syntax/],
    ].slice(0, 2),
  )('with %s in a json column is captured', async (_case, value, reason) => {
    await fixture.run('create table $name (id int primary key, doc json)');
    await capture(fixture, fixture.name);
    await fixture.run(`insert into $name values (1, ${value})`);
    const [payload] = await payloads();
    expect(payload).toMatchObject({ id: 1, new_data: { id: 1, doc: expect.any(String) } });
    expect(payload?.['capture_error']).toMatch(reason);
  });

  it('with a cast that raises has its text', async () => {
    await typeWithCast(
      `raise exception 'no % for you', 'json' using errcode = 'invalid_parameter_value';`,
    );
    await fixture.run('create table $name (id int primary key, t $name_type)');
    await capture(fixture, fixture.name);
    await fixture.run(`insert into $name values (1, 'b c'), (2, null); delete from $name`);
    const all = await payloads();
    expect(all.map(({ action, id }) => `${action} ${id}`)).toEqual([
      'INSERT 1',
      'INSERT 2',
      'DELETE 1',
      'DELETE 2',
    ]);
    expect(all[0]).toMatchObject({
      new_data: { id: 1, t: 'b c' },
      capture_error: 'no json for you',
    });
    expect(all[1]).toMatchObject({ new_data: { id: 2, t: null } });
  });

  it('with a cast that raises in a column of the primary key has an id and a key from its text', async () => {
    await typeWithCast(`raise exception 'no';`);
    await fixture.run('create table $name (t $name_type primary key)');
    await capture(fixture, fixture.name);
    await fixture.run(`insert into $name values ('a')`);
    const [row] = await fixture.log();
    expect(row?.payload['id']).toBe('a');
    expect(row?.key).toBe(`public.${fixture.name}:a`);
  });

  it('does not hide that the statement was cancelled', async () => {
    await typeWithCast(`perform pg_sleep(60); return 'null';`);
    await fixture.run('create table $name (id int primary key, t $name_type)');
    await capture(fixture, fixture.name);
    const cancelled = fixture.run(
      `set local statement_timeout = 200; insert into $name values (1, 'a')`,
    );
    await expect(cancelled).rejects.toMatchObject({ code: '57014' });
    expect(await fixture.value('select count(*)::int from $name')).toBe(0);
  });

  it('is captured although somebody spoilt the settings that capture keeps', async () => {
    await fixture.run('create table $name (id int primary key)');
    await capture(fixture, fixture.name);
    await fixture.session(async (client) => {
      const { rows } = await client.query(`select '${fixture.name}'::regclass::oid as oid`);
      for (const [index, setting] of ['table', 'session_table'].entries()) {
        await client.query(
          `select set_config('pgwatch.${setting}_${rows[0].oid}', 'nonsense', false)`,
        );
        await client.query(`insert into ${fixture.name} values (${index})`);
        await client.query('reset all');
      }
    });
    expect(await fixture.changes()).toEqual(['INSERT 0', 'INSERT 1']);
  });
});

describe('what jsonb has no room for', () => {
  it('a row of 270 MB is captured as far as it goes', {
    timeout: 240_000,
  }, async () => {
    await fixture.run('create table $name (id int primary key, a text, b text, c text)');
    await CAPTURES[0].capture(fixture, fixture.name);
    await fixture.run(`insert into $name select 1, x, x, x from repeat('0123456789', 9000000) x`);
    const found = await fixture.database.query(
      `select key, payload ->> 'id' as id, payload ->> 'capture_error' as reason,
         array(select octet_length(payload -> 'new_data' ->> n) from unnest('{a,b,c}'::text[]) n) as sizes
       from pgwatch.notification_log where channel = $1`,
      [fixture.name],
    );
    expect(found.rows).toEqual([
      {
        key: `public.${fixture.name}:1`,
        id: '1',
        reason: expect.stringContaining('exceeds'),
        sizes: [90_000_000, 90_000_000, null],
      },
    ]);
  });

  it('an UPDATE of 280 MB, before and after, is captured without what was before', {
    timeout: 240_000,
  }, async () => {
    await fixture.run('create table $name (id int primary key, v text)');
    await fixture.run(`insert into $name select 1, repeat('0123456789', 14000000)`);
    await CAPTURES[0].capture(fixture, fixture.name);
    await fixture.run('update $name set id = 2');
    const found = await fixture.database.query(
      `select key, payload ->> 'id' as id, payload -> 'old_data' as before,
         octet_length(payload -> 'new_data' ->> 'v') as size, payload ->> 'capture_error' as reason
       from pgwatch.notification_log where channel = $1`,
      [fixture.name],
    );
    expect(found.rows).toEqual([
      {
        key: `public.${fixture.name}:2`,
        id: '2',
        before: null,
        size: 140_000_000,
        reason: expect.stringContaining('exceeds'),
      },
    ]);
  });
});

describe('virtual generated columns', () => {
  it('are null, as PostgreSQL gives them to triggers', async (test) => {
    await fixture.skipBeforeVersion(test, 18, 'virtual generated columns came');
    await fixture.run(
      'create table $name (id int primary key, twice int generated always as (id * 2) virtual)',
    );
    await CAPTURES[0].capture(fixture, fixture.name);
    await fixture.run('insert into $name values (1)');
    expect((await payloads())[0]?.['new_data']).toEqual({ id: 1, twice: null });
  });
});
