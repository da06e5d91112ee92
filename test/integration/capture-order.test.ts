import { describe, expect, it } from 'vitest';
import { CAPTURES, CaptureFixture } from '../support/capture-fixture.ts';

const fixture = new CaptureFixture();

/** Makes the table's rows change again from a trigger of its own, once. */
async function touchAgain(event: string, level: string, name: string): Promise<void> {
  await fixture.run(`
    create function $name_again() returns trigger language plpgsql as $$
    begin
      if pg_trigger_depth() = 1 then update $name set v = v + 100; end if;
      return null;
    end $$;
    create trigger ${name} after ${event} on $name for each ${level} execute function $name_again()`);
}

describe('a row that a trigger of its table changes again', () => {
  it.each([
    { event: 'insert', level: 'row' },
    { event: 'insert', level: 'statement' },
    { event: 'update', level: 'row' },
    { event: 'update', level: 'statement' },
  ])(
    'has its changes in order, when that fires after each $event $level',
    async ({ event, level }) => {
      await fixture.run('create table $name (id int primary key, v int)');
      await touchAgain(event, level, 'audit');
      await CAPTURES[0].capture(fixture, fixture.name);
      await fixture.run('insert into $name values (1, 1)');
      if (event === 'update') await fixture.run('update $name set v = 2');
      const log = await fixture.log();
      const values = log.map(({ payload }) => Object(payload['new_data'])['v']);
      expect(values).toEqual(event === 'insert' ? [1, 101] : [1, 2, 102]);
    },
  );

  it('has them in order with a trigger that came later, once the table is captured anew', async () => {
    await fixture.run('create table $name (id int primary key, v int)');
    await CAPTURES[0].capture(fixture, fixture.name);
    await touchAgain('insert', 'row', 'audit');
    await CAPTURES[0].capture(fixture, fixture.name);
    await fixture.run('insert into $name values (1, 1)');
    expect(await fixture.changes()).toEqual(['INSERT 1', 'UPDATE 1']);
  });
});

describe.each(CAPTURES)('captured by $by', ({ capture }) => {
  it('a change comes before what it causes in another captured table', async () => {
    await fixture.run(`create table $name (id int primary key); create table $name_audit (id int primary key);
      create function $name_audit() returns trigger language plpgsql as $$
        begin insert into $name_audit values (new.id + 100); return null; end $$;
      create trigger zz_audit after insert on $name for each row execute function $name_audit()`);
    await capture(fixture, fixture.name);
    await capture(fixture, `${fixture.name}_audit`);
    await fixture.run('insert into $name values (1)');
    expect(await fixture.changes()).toEqual(['INSERT 1', 'INSERT 101']);
  });

  it('of two concurrent updates of a row the first to lock it has the lower id', async () => {
    await fixture.run('create table $name (id int primary key, v text)');
    await capture(fixture, fixture.name);
    await fixture.run(`insert into $name values (1, 'new')`);
    await fixture.session((early) =>
      fixture.session(async (late) => {
        // The late one has the lower transaction id, so it is not that which decides.
        await late.query('begin; select pg_current_xact_id()');
        const { rows } = await late.query('select pg_backend_pid() as pid');
        await early.query('begin');
        await early.query(`update ${fixture.name} set v = 'early'`);
        const waits = late.query(`update ${fixture.name} set v = v || ', late'`);
        await expect
          .poll(() => fixture.value('select cardinality(pg_blocking_pids($1))', [rows[0].pid]), {
            interval: 5,
          })
          .toBe(1);
        await early.query('commit');
        await waits;
        await late.query('commit');
      }),
    );
    const updates = (await fixture.log()).slice(1);
    expect(updates.map(({ payload }) => Object(payload['new_data'])['v'])).toEqual([
      'early',
      'early, late',
    ]);
  });

  it.each(['repeatable read', 'serializable'])('is captured under %s', async (level) => {
    await fixture.run('create table $name (id int primary key, v int)');
    await capture(fixture, fixture.name);
    await fixture.session((one) =>
      fixture.session(async (two) => {
        for (const client of [one, two]) await client.query(`begin isolation level ${level}`);
        await one.query(`insert into ${fixture.name} values (1, 1)`);
        await two.query(`insert into ${fixture.name} values (2, 2)`);
        await one.query(`update ${fixture.name} set v = 5 where id = 1`);
        // Writing to the same log is no conflict between serializable transactions.
        await one.query('commit');
        await two.query('commit');
      }),
    );
    expect((await fixture.changes()).sort()).toEqual(['INSERT 1', 'INSERT 2', 'UPDATE 1']);
  });
});

describe.each(CAPTURES)(
  'a table captured by $by and changed in the transaction that writes it',
  ({ capture }) => {
    /** The ids and keys of what the statements write, all in one transaction. */
    async function inOneTransaction(columns: string, ...statements: string[]) {
      await fixture.run(`create table $name (${columns})`);
      await capture(fixture, fixture.name);
      await fixture.session(async (client) => {
        await client.query('begin');
        for (const sql of statements) await client.query(sql.replaceAll('$name', fixture.name));
        await client.query('commit');
      });
      const log = await fixture.log();
      return {
        ids: log.map(({ payload }) => payload['id']),
        keys: log.map(({ key }) => key?.replace(`public.${fixture.name}`, 'T') ?? null),
        tables: log.map(({ payload }) => payload['table']),
        schemas: log.map(({ payload }) => payload['schema']),
      };
    }
    const insert = (n: number) => `insert into $name values (${n}, ${n * 10})`;

    it('has the ids of its new primary key', async () => {
      const { ids, keys } = await inOneTransaction(
        'a int primary key, b int',
        insert(1),
        'alter table $name drop constraint $name_pkey',
        insert(2),
        'alter table $name add primary key (b)',
        insert(3),
        'alter table $name drop constraint $name_pkey, add primary key (b, a)',
        insert(4),
        'delete from $name where a = 1',
      );
      expect(ids).toEqual([1, null, 30, { a: 4, b: 40 }, { a: 1, b: 10 }]);
      expect(keys).toEqual(['T:1', null, 'T:30', 'T:[40, 4]', 'T:[10, 1]']);
    });

    it('has the ids of a primary key made of an index that was there', async () => {
      const { ids } = await inOneTransaction(
        'a int not null, b int not null',
        insert(1),
        'create unique index $name_i on $name (b)',
        insert(2),
        'alter table $name add primary key using index $name_i',
        insert(3),
      );
      expect(ids).toEqual([null, null, 30]);
    });

    it('follows columns that are renamed, even ones that swap their names', async () => {
      const { ids } = await inOneTransaction(
        'a int primary key, b int',
        insert(1),
        'alter table $name rename a to c',
        insert(2),
        'alter table $name rename b to a',
        insert(3),
        'delete from $name where c = 1',
      );
      expect(ids).toEqual([1, 2, 3, 1]);
    });

    it('follows a table and a schema that are renamed, and a move to another', async () => {
      const { tables, schemas } = await inOneTransaction(
        'a int primary key, b int',
        insert(1),
        'alter table $name rename to $name_b',
        'insert into $name_b values (2, 20)',
        'create schema $name_s; alter table $name_b set schema $name_s',
        'insert into $name_s.$name_b values (3, 30)',
        'alter schema $name_s rename to $name_r',
        'insert into $name_r.$name_b values (4, 40)',
      );
      const { name } = fixture;
      expect(tables).toEqual([name, `${name}_b`, `${name}_b`, `${name}_b`]);
      expect(schemas).toEqual(['public', 'public', `${name}_s`, `${name}_r`]);
    });

    it('is as it was after a savepoint takes its changes back', async () => {
      const { ids } = await inOneTransaction(
        'a int primary key, b int',
        insert(1),
        'savepoint s',
        'alter table $name drop constraint $name_pkey, add primary key (b)',
        insert(2),
        'rollback to s',
        insert(3),
      );
      expect(ids).toEqual([1, 3]);
    });

    it('has them in a single script, too', async () => {
      await fixture.run('create table $name (a int primary key, b int)');
      await capture(fixture, fixture.name);
      await fixture.run(`insert into $name values (1, 10);
      alter table $name drop constraint $name_pkey, add primary key (b);
      insert into $name values (2, 20)`);
      expect(await fixture.changes()).toEqual(['INSERT 1', 'INSERT 20']);
    });

    it('has the ids of its new primary key on a server that counts nothing', async (test) => {
      await fixture.skipUnlessSuperuser(test);
      const { ids } = await inOneTransaction(
        'a int primary key, b int',
        'set local track_counts = off',
        insert(1),
        'alter table $name drop constraint $name_pkey, add primary key (b)',
        insert(2),
      );
      expect(ids).toEqual([1, 20]);
    });

    it('follows what other sessions have changed since this one last wrote it', async () => {
      const { name } = fixture;
      await fixture.run('create table $name (a int primary key, b int)');
      await capture(fixture, name);
      await fixture.session(async (client) => {
        await client.query(insert(1).replaceAll('$name', name));
        for (const [index, change] of [
          'alter table $name rename a to c; alter table $name rename b to a',
          'alter table $name drop constraint $name_pkey, add primary key (a)',
          'reindex table $name',
          'alter table $name drop constraint $name_pkey',
          'alter table $name add primary key (a, c)',
        ].entries()) {
          await fixture.run(change);
          await client.query(insert(index + 2).replaceAll('$name', name));
        }
        await fixture.run('alter table $name rename to $name_b');
        await client.query(`insert into ${name}_b values (7, 70)`);
      });
      const log = await fixture.log();
      expect(log.map(({ payload }) => payload['id'])).toEqual([
        ...[1, 2, 30, 40, null],
        ...[
          { a: 60, c: 6 },
          { a: 70, c: 7 },
        ],
      ]);
      expect(log.at(-1)?.payload['table']).toBe(`${name}_b`);
    });

    it('has the columns it has at the time, in one session and in one transaction', async () => {
      const { name } = fixture;
      const statements = [
        `insert into ${name} values (1, 10)`,
        `alter table ${name} add column c json default '"\\u0000"'`,
        `insert into ${name} values (2, 20)`,
        `insert into ${name} values (3, 30, '[]')`,
        `alter table ${name} drop column b`,
        `insert into ${name} values (4, '{}')`,
        `alter table ${name} alter column c type text, alter column a type bigint`,
        `insert into ${name} values (5, 'x')`,
        `alter table ${name} rename column c to d`,
        `update ${name} set d = 'y' where a = 5`,
        `delete from ${name} where a = 5`,
      ];
      const rows = [
        { a: 1, b: 10 },
        { a: 2, b: 20, c: '"\\u0000"' },
        { a: 3, b: 30, c: [] },
        { a: 4, c: {} },
        { a: 5, c: 'x' },
        { a: 5, d: 'y' },
        { a: 5, d: 'y' },
      ];
      for (const [begin, commit] of [
        ['', ''],
        ['begin', 'commit'],
      ] as const) {
        await fixture.run('create table $name (a int primary key, b int)');
        await capture(fixture, fixture.name);
        const before = (await fixture.log()).length;
        await fixture.session(async (client) => {
          for (const sql of [begin, ...statements, commit]) await client.query(sql);
        });
        const log = (await fixture.log()).slice(before);
        expect(log.map(({ payload }) => payload['new_data'] ?? payload['old_data'])).toEqual(rows);
        await fixture.run('drop table $name');
      }
    });
  },
);
