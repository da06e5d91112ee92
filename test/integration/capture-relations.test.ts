import { describe, expect, it } from 'vitest';
import { createTriggerForTable, dropTriggerForTable } from '../../src/capture/triggers.ts';
import { CAPTURES, CaptureFixture } from '../support/capture-fixture.ts';

const fixture = new CaptureFixture();

const PARTITIONED = `
  create table $name (id int primary key, v text) partition by range (id);
  create table $name_a partition of $name for values from (0) to (100);
  create table $name_b partition of $name for values from (100) to (300) partition by range (id);
  create table $name_b1 partition of $name_b for values from (100) to (200);
  create table $name_b2 partition of $name_b for values from (200) to (300)`;

describe.each(CAPTURES)('a partitioned table captured by $by', ({ capture }) => {
  it('is named by its root, whichever partition a row is in and however it is written', async () => {
    await fixture.run(PARTITIONED);
    await capture(fixture, fixture.name);
    await fixture.run(`insert into $name values (1, 'x'), (150, 'y');
      insert into $name_a values (2, 'direct'); insert into $name_b2 values (250, 'direct');
      update $name set v = 'new' where id = 150; delete from $name_b1`);
    const log = await fixture.log();
    expect(await fixture.changes()).toEqual([
      'INSERT 1',
      'INSERT 150',
      'INSERT 2',
      'INSERT 250',
      'UPDATE 150',
      'DELETE 150',
    ]);
    expect(new Set(log.map(({ payload }) => payload['table']))).toEqual(new Set([fixture.name]));
    expect(log.map(({ key }) => key)).toEqual(
      [1, 150, 2, 250, 150, 150].map((id) => `public.${fixture.name}:${id}`),
    );
  });

  it('has the ids of a partition whose columns are in another order, before and after it moves', async () => {
    await fixture.run(`create table $name (v text, id int primary key) partition by range (id);
      create table $name_a (gone int, id int primary key, v text); alter table $name_a drop column gone`);
    await fixture.run('alter table $name attach partition $name_a for values from (0) to (100)');
    await capture(fixture, fixture.name);
    await fixture.session(async (client) => {
      const { name } = fixture;
      await client.query(`insert into ${name} values ('x', 1)`);
      await fixture.run('alter table $name rename id to n; alter table $name rename v to id');
      await client.query(`insert into ${name} values ('x', 2)`);
    });
    expect((await fixture.log()).map(({ key, payload }) => [key, payload['id']])).toEqual([
      [`public.${fixture.name}:1`, 1],
      [`public.${fixture.name}:2`, 2],
    ]);
  });

  it('has a row that moves to another partition as deleted and inserted', async () => {
    await fixture.run(PARTITIONED);
    await capture(fixture, fixture.name);
    await fixture.run(`insert into $name values (1, 'x'); update $name set id = 250`);
    expect(await fixture.changes()).toEqual(['INSERT 1', 'DELETE 1', 'INSERT 250']);
  });

  it('captures partitions that are made later, and not those that are detached', async () => {
    await fixture.run(PARTITIONED);
    await capture(fixture, fixture.name);
    await fixture.run(`create table $name_c partition of $name for values from (300) to (400);
      insert into $name values (301, 'x'); insert into $name_c values (302, 'x');
      alter table $name detach partition $name_c; insert into $name_c values (303, 'x')`);
    expect(await fixture.changes()).toEqual(['INSERT 301', 'INSERT 302']);
  });

  it('captures what COPY, ON CONFLICT and bulk statements write', async () => {
    await fixture.run(PARTITIONED);
    await capture(fixture, fixture.name);
    await fixture.run(`insert into $name select n, 'x' from generate_series(0, 299) as n;
      insert into $name values (5, 'again'), (205, 'again') on conflict (id) do update set v = excluded.v;
      delete from $name`);
    const counts = await fixture.database.query(
      `select payload ->> 'action' as action, count(*)::int from pgwatch.notification_log where channel = $1 group by 1 order by 1`,
      [fixture.name],
    );
    expect(counts.rows).toEqual([
      { action: 'DELETE', count: 300 },
      { action: 'INSERT', count: 300 },
      { action: 'UPDATE', count: 2 },
    ]);
  });
});

describe('partitions that were captured for themselves', () => {
  const HELPER = CAPTURES[0].capture;

  it('are captured once after the table they are partitions of is captured', async () => {
    await fixture.run(`create table $name (id int primary key) partition by range (id);
      create table $name_a (id int primary key)`);
    await HELPER(fixture, `${fixture.name}_a`);
    await fixture.run('alter table $name attach partition $name_a for values from (0) to (100)');
    await fixture.run('insert into $name_a values (1)');
    await HELPER(fixture, fixture.name);
    await fixture.run(
      'insert into $name_a values (2); insert into $name values (3); update $name_a set id = id + 10; delete from $name',
    );
    const actions = (await fixture.changes()).map((change) => change.split(' ')[0]);
    expect(actions).toEqual([
      'INSERT',
      'INSERT',
      'INSERT',
      ...Array(3).fill('UPDATE'),
      ...Array(3).fill('DELETE'),
    ]);
  });

  it('cannot be attached to a captured table before their own capture ends', async () => {
    await fixture.run(`create table $name (id int primary key) partition by range (id);
      create table $name_a (id int primary key)`);
    await HELPER(fixture, fixture.name);
    await HELPER(fixture, `${fixture.name}_a`);
    const attach = () =>
      fixture.run('alter table $name attach partition $name_a for values from (0) to (100)');
    await expect(attach()).rejects.toThrow('_pgwatch_capture');
    await dropTriggerForTable(fixture.database.pool, `${fixture.name}_a`);
    await attach();
    await fixture.run('insert into $name_a values (1); insert into $name values (2)');
    expect(await fixture.changes()).toEqual(['INSERT 1', 'INSERT 2']);
  });

  it('are refused while their table is captured, with a word on what to capture instead', async () => {
    await fixture.run(PARTITIONED);
    await HELPER(fixture, fixture.name);
    for (const partition of [`${fixture.name}_a`, `${fixture.name}_b`]) {
      for (const attempt of [createTriggerForTable, dropTriggerForTable]) {
        await expect(attempt(fixture.database.pool, partition)).rejects.toMatchObject({
          code: 'TABLE_NOT_CAPTURABLE',
          message: expect.stringContaining(`partition of public.${fixture.name}`),
          hint: expect.stringContaining(`public.${fixture.name}`),
        });
      }
    }
  });

  it('are captured alone when only they are meant, by the row, also what comes through their root', async () => {
    await fixture.run(PARTITIONED);
    await HELPER(fixture, `${fixture.name}_a`);
    await fixture.run(
      `insert into $name values (1, 'x'), (150, 'y'); insert into $name_a values (2, 'x')`,
    );
    expect(await fixture.changes()).toEqual(['INSERT 1', 'INSERT 2']);
    expect((await fixture.log())[0]?.payload['table']).toBe(fixture.name);
  });
});

describe.each(CAPTURES)('captured by $by', ({ capture }) => {
  it('an inheritance parent has its own rows, its children theirs if captured', async () => {
    await fixture.run(`create table $name (id int primary key, v int);
      create table $name_child (extra int, primary key (id)) inherits ($name)`);
    await capture(fixture, fixture.name);
    await fixture.run(
      `insert into $name values (1, 1); insert into $name_child values (2, 2, 2); update $name set v = 5`,
    );
    expect(await fixture.changes()).toEqual(['INSERT 1', 'UPDATE 1']);
    await capture(fixture, `${fixture.name}_child`);
    await fixture.run('delete from $name');
    const log = (await fixture.log()).slice(2);
    expect(log.map(({ payload }) => [payload['table'], payload['old_data']])).toEqual([
      [fixture.name, { id: 1, v: 5 }],
      [`${fixture.name}_child`, { id: 2, v: 5, extra: 2 }],
    ]);
  });

  it('an unlogged table is a table', async () => {
    await fixture.run('create unlogged table $name (id int primary key)');
    await capture(fixture, fixture.name);
    await fixture.run('insert into $name values (1); delete from $name');
    expect(await fixture.changes()).toEqual(['INSERT 1', 'DELETE 1']);
  });
});

describe('a temporary table', () => {
  it('is captured in the session that has it, before its namesakes', async () => {
    const { name } = fixture;
    await fixture.run('create table $name (id int primary key)');
    await fixture.session(async (client) => {
      await client.query(`create temp table ${name} (id int primary key)`);
      await createTriggerForTable(client, name, { channel: name });
      await client.query(`insert into ${name} values (1); insert into public.${name} values (2)`);
    });
    const log = await fixture.log();
    expect(await fixture.changes()).toEqual(['INSERT 1']);
    expect(log[0]?.payload['schema']).toMatch(/^pg_temp_\d+$/);
  });
});

describe('two installations in one database', () => {
  it('capture the same table each for itself', async () => {
    const { pool } = fixture.database;
    const second = {
      pgwatchSchema: `second ${'"x" '.repeat(13)}`.trim(),
      functionsSchema: 'second_functions',
    };
    await fixture.run('create schema second_functions');
    await fixture.installBeside(second.pgwatchSchema, second.functionsSchema);
    await fixture.run('create table $name (id int primary key)');
    await createTriggerForTable(pool, fixture.name, { channel: fixture.name });
    await createTriggerForTable(pool, fixture.name, { channel: 'second', ...second });
    await fixture.run('insert into $name values (1); update $name set id = 2; delete from $name');
    const inSecond = () =>
      fixture.value(
        `select count(*)::int from "${second.pgwatchSchema.replaceAll('"', '""')}".notification_log where channel = 'second'`,
      );
    expect(await fixture.changes()).toEqual(['INSERT 1', 'UPDATE 2', 'DELETE 2']);
    expect(await inSecond()).toBe(3);
    await dropTriggerForTable(pool, fixture.name, second);
    await fixture.run('insert into $name values (3)');
    expect(await fixture.changes()).toHaveLength(4);
    expect(await inSecond()).toBe(3);
  });
});
