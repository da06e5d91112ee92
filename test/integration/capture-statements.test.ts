import { describe, expect, it } from 'vitest';
import { CAPTURES, CaptureFixture } from '../support/capture-fixture.ts';
import { copyRows } from '../support/copy-rows.ts';

const fixture = new CaptureFixture();

/** What happened to each row, in order; rows of one statement may come in any order. */
async function histories(): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const { payload } of await fixture.log()) {
    const id = JSON.stringify(payload['id']);
    found[id] = [...(found[id]?.split(' ') ?? []), payload['action']].join(' ');
  }
  return found;
}

describe.each(CAPTURES)('captured by $by', ({ capture }) => {
  async function table(columns = 'id int primary key, v int'): Promise<void> {
    await fixture.run(`create table $name (${columns})`);
    await capture(fixture, fixture.name);
  }

  it('an INSERT of 5,000 rows is 5,000 changes, in the order of the rows', async () => {
    await table();
    await fixture.run(`insert into $name select n, -n from generate_series(5000, 1, -1) as n`);
    const log = await fixture.log();
    expect(log.map(({ payload }) => payload['id'])).toEqual(
      Array.from({ length: 5000 }, (_, n) => 5000 - n),
    );
    expect(log.every(({ key, payload }) => key === `public.${fixture.name}:${payload['id']}`)).toBe(
      true,
    );
    expect(log[4999]?.payload['new_data']).toEqual({ id: 1, v: -1 });
    await fixture.run('delete from $name');
    expect(Object.values(await histories())).toEqual(Array(5000).fill('INSERT DELETE'));
  });

  it('INSERT … ON CONFLICT is an INSERT or an UPDATE for each row, or nothing', async () => {
    await table();
    await fixture.run(`insert into $name values (1, 1), (2, 2);
      insert into $name values (2, 20), (3, 30) on conflict (id) do update set v = excluded.v;
      insert into $name values (3, 300), (4, 400) on conflict do nothing`);
    expect(await histories()).toEqual({
      1: 'INSERT',
      2: 'INSERT UPDATE',
      3: 'INSERT',
      4: 'INSERT',
    });
  });

  it('MERGE is an INSERT, UPDATE or DELETE for each row', async (test) => {
    await fixture.skipBeforeVersion(test, 15, 'MERGE came');
    await table();
    await fixture.run(`insert into $name values (1, 1), (2, 2), (3, 3);
      merge into $name t using (values (2, 20), (3, null), (4, 40)) as s (id, v) on t.id = s.id
      when matched and s.v is null then delete
      when matched then update set v = s.v
      when not matched then insert values (s.id, s.v)`);
    expect(await histories()).toEqual({
      1: 'INSERT',
      2: 'INSERT UPDATE',
      3: 'INSERT DELETE',
      4: 'INSERT',
    });
  });

  it('COPY is an INSERT for each row', async () => {
    await table('id int primary key, v int default 7');
    await fixture.session((client) =>
      copyRows(client, `copy ${fixture.name} (id) from stdin`, '1\n2\n3\n'),
    );
    expect(await fixture.changes()).toEqual(['INSERT 1', 'INSERT 2', 'INSERT 3']);
    expect((await fixture.log())[2]?.payload['new_data']).toEqual({ id: 3, v: 7 });
  });

  it('writable CTEs are captured in the order of their writes', async () => {
    await table();
    await fixture.run(`insert into $name values (1, 1), (2, 2), (3, 3);
      with gone as (delete from $name where id = 1 returning *),
        kept as (update $name set v = 0 where id = 2 returning *)
      insert into $name select id + 3, v from gone union all select id + 3, v from kept`);
    expect(await histories()).toEqual({
      1: 'INSERT DELETE',
      2: 'INSERT UPDATE',
      3: 'INSERT',
      4: 'INSERT',
      5: 'INSERT',
    });
    await fixture.run(
      `with gone as (delete from $name where id = 3 returning *) insert into $name select * from gone`,
    );
    expect((await histories())['3']).toBe('INSERT DELETE INSERT');
  });

  it('RETURNING gives the user what it would give without', async () => {
    await table();
    const { rows } = await fixture.database.query(
      `insert into ${fixture.name} values (1, 5), (2, 6) returning id, v`,
    );
    expect(rows).toEqual([
      { id: 1, v: 5 },
      { id: 2, v: 6 },
    ]);
    const updated = await fixture.database.query(`update ${fixture.name} set v = 0 returning id`);
    expect([updated.rowCount, updated.rows]).toEqual([2, [{ id: 1 }, { id: 2 }]]);
    const deleted = await fixture.database.query(
      `delete from ${fixture.name} where id = 2 returning v`,
    );
    expect([deleted.rowCount, deleted.rows]).toEqual([1, [{ v: 0 }]]);
  });

  it('a statement without rows writes nothing, and takes no transaction id', async () => {
    await table();
    await fixture.session(async (client) => {
      await client.query('begin');
      for (const sql of [
        'delete from $name',
        'update $name set v = 1',
        'insert into $name select 1, 1 where false',
      ]) {
        await client.query(sql.replace('$name', fixture.name));
      }
      const { rows } = await client.query('select pg_current_xact_id_if_assigned() as id');
      expect(rows).toEqual([{ id: null }]);
      await client.query('commit');
    });
    expect(await fixture.log()).toEqual([]);
  });

  it('what a savepoint rolls back is not in the log, what comes after it is', async () => {
    await table();
    await fixture.session(async (client) => {
      await client.query('begin');
      await client.query(`insert into ${fixture.name} values (1, 1)`);
      await client.query('savepoint s');
      await client.query(`insert into ${fixture.name} values (2, 2)`);
      await client.query(`update ${fixture.name} set v = 5`);
      await client.query('rollback to s');
      await client.query(`delete from ${fixture.name} where id = 1`);
      await client.query(`insert into ${fixture.name} values (2, 3)`);
      await client.query('commit');
    });
    expect(await fixture.changes()).toEqual(['INSERT 1', 'DELETE 1', 'INSERT 2']);
  });

  it('a statement that fails leaves nothing in the log', async () => {
    await table();
    await expect(
      fixture.run('insert into $name values (1, 1), (2, 2), (1, 1)'),
    ).rejects.toMatchObject({ code: '23505' });
    expect(await fixture.log()).toEqual([]);
  });

  it('cascaded deletes and updates are captured, the cause before its effects', async () => {
    await table();
    await fixture.run(
      `create table $name_child (id int primary key, parent int references $name on delete cascade on update cascade)`,
    );
    await capture(fixture, `${fixture.name}_child`);
    await fixture.run(
      `insert into $name values (1, 1), (2, 2); insert into $name_child values (11, 1), (12, 1), (21, 2)`,
    );
    const before = (await fixture.log()).length;
    await fixture.run('delete from $name where id = 1');
    expect((await fixture.changes()).slice(before)).toEqual(['DELETE 1', 'DELETE 11', 'DELETE 12']);
    await fixture.run('update $name set id = 3 where id = 2');
    expect((await fixture.changes()).slice(before + 3)).toEqual(['UPDATE 3', 'UPDATE 21']);
  });

  it('rows of a tree that are deleted with their parents are each captured once', async () => {
    await fixture.run(
      'create table $name (id int primary key, parent int references $name on delete cascade)',
    );
    await capture(fixture, fixture.name);
    await fixture.run(`insert into $name values (1, null), (2, 1), (3, 1), (4, 2), (5, 4), (6, null);
      delete from $name where id = 1`);
    const gone = 'INSERT DELETE';
    expect(await histories()).toEqual({ 1: gone, 2: gone, 3: gone, 4: gone, 5: gone, 6: 'INSERT' });
  });

  it('rows that are orphaned by a delete are captured as updated', async () => {
    await fixture.run(
      'create table $name (id int primary key, parent int references $name on delete set null)',
    );
    await capture(fixture, fixture.name);
    await fixture.run(
      'insert into $name values (1, null), (2, 1), (3, 1); delete from $name where id = 1',
    );
    expect(await histories()).toEqual({
      1: 'INSERT DELETE',
      2: 'INSERT UPDATE',
      3: 'INSERT UPDATE',
    });
  });

  it('a deferred constraint that fails at the commit leaves nothing in the log', async () => {
    await table('id int primary key, other int unique deferrable initially deferred');
    await expect(fixture.run('insert into $name values (1, 1), (2, 1)')).rejects.toMatchObject({
      code: '23505',
    });
    await fixture.run(
      'insert into $name values (1, 1), (2, 2); update $name set other = 3 - other',
    );
    expect(await histories()).toEqual({ 1: 'INSERT UPDATE', 2: 'INSERT UPDATE' });
  });

  it('a row that is written again and again in a transaction has all its changes, in order', async () => {
    await table();
    await fixture.run(`insert into $name values (1, 1); update $name set v = 2; update $name set v = 3;
      delete from $name; insert into $name values (1, 4); update $name set v = 5`);
    expect(await histories()).toEqual({ 1: 'INSERT UPDATE UPDATE DELETE INSERT UPDATE' });
    const last = (await fixture.log()).at(-1);
    expect(last?.payload).toMatchObject({ old_data: { v: 4 }, new_data: { v: 5 } });
  });

  it('an UPDATE that changes nothing is a change all the same', async () => {
    await table();
    await fixture.run('insert into $name values (1, 1); update $name set v = v');
    expect(await histories()).toEqual({ 1: 'INSERT UPDATE' });
  });

  it('TRUNCATE is not captured', async () => {
    await table();
    await fixture.run('insert into $name values (1, 1); truncate $name');
    expect(await histories()).toEqual({ 1: 'INSERT' });
  });

  it('writes are not captured while triggers are disabled, or replayed by replication', async (test) => {
    await fixture.skipUnlessSuperuser(test);
    await table();
    await fixture.run(
      `alter table $name disable trigger user; insert into $name values (1, 1); alter table $name enable trigger user`,
    );
    await fixture.run(
      `set local session_replication_role = replica; insert into $name values (2, 2)`,
    );
    await fixture.run('insert into $name values (3, 3)');
    expect(await histories()).toEqual({ 3: 'INSERT' });
  });

  it('a transaction with hundreds of statements takes no ids of subtransactions', async () => {
    await table();
    await fixture.session(async (client) => {
      await client.query('begin');
      for (let n = 0; n < 100; n += 1) {
        await client.query(`insert into ${fixture.name} values ($1, 1)`, [n]);
      }
      await client.query(`update ${fixture.name} set v = 2`);
      await client.query(`delete from ${fixture.name}`);
      await client.query('commit');
    });
    // 64 of them in a transaction slow down the snapshots of the whole cluster.
    const written = await fixture.database.query(
      `select count(*)::int as rows, count(*) filter (where xmin <> xid::xid)::int as in_subtransactions
       from pgwatch.notification_log where channel = $1`,
      [fixture.name],
    );
    expect(written.rows).toEqual([{ rows: 300, in_subtransactions: 0 }]);
  });
});
