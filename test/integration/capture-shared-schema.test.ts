import { beforeAll, describe, expect, it } from 'vitest';
import { createTriggerForTable } from '../../src/capture/triggers.ts';
import { install } from '../../src/db/installation.ts';
import { OWN_TABLES } from '../../src/db/own-tables.ts';
import { CaptureFixture } from '../support/capture-fixture.ts';

/** pgwatch's tables stand among the application's. */
const fixture = new CaptureFixture({ schema: 'public' });

beforeAll(async () => {
  // The bookkeeping of a project's migrations is made with the first of them.
  const script = { kind: 'sql', text: 'select 1' } as const;
  await install({
    db: fixture.database.db,
    projectScripts: [{ name: '001_first', up: script, down: undefined }],
    target: { kind: 'latest' },
    onChange: () => {},
  });
});

async function ownTables(): Promise<string[]> {
  const { rows } = await fixture.database.query<{ name: string }>(
    `select relname as name from pg_class
     where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and relname !~ '^t[0-9]'`,
  );
  return rows.map(({ name }) => name);
}

it('the list of pgwatch’s own tables has every one', async () => {
  expect((await ownTables()).toSorted()).toEqual([...OWN_TABLES].toSorted());
});

describe('in the schema of pgwatch', () => {
  const CHANGES = 'insert into $name values (1); update $name set id = 2; delete from $name';
  const CAPTURED = ['INSERT 1', 'UPDATE 2', 'DELETE 2'];

  it('another’s table is captured by the helper triggers', async () => {
    await fixture.run('create table $name (id int primary key)');
    await createTriggerForTable(fixture.database.pool, fixture.name, {
      channel: fixture.name,
      pgwatchSchema: 'public',
    });
    await fixture.run(CHANGES);
    expect(await fixture.changes()).toEqual(CAPTURED);
  });

  it('another’s table is captured by a trigger made by hand', async () => {
    await fixture.run(`create table $name (id int primary key);
      create trigger changes after insert or update or delete on $name
      for each row execute function notify_data_change('$name')`);
    await fixture.run(CHANGES);
    expect(await fixture.changes()).toEqual(CAPTURED);
  });

  it('each of pgwatch’s own tables is refused', async () => {
    for (const table of await ownTables()) {
      const attempt = createTriggerForTable(fixture.database.pool, table, {
        pgwatchSchema: 'public',
      });
      await expect(attempt, table).rejects.toMatchObject({
        code: 'TABLE_NOT_CAPTURABLE',
        message: expect.stringContaining(`public.${table} is one of pgwatch's own tables`),
      });
    }
  });

  it.each([
    `for each row execute function notify_data_change('$name')`,
    `for each statement execute function notify_data_change('$name')`,
    `referencing new table as pgwatch_rows for each statement execute function capture_statement('$name')`,
  ])('none of them is captured by a trigger made by hand: %s', async (trigger) => {
    for (const table of await ownTables()) {
      await fixture.run(`create trigger by_hand after insert on ${table} ${trigger}`);
    }
    try {
      await fixture.run(`
        select smart_notify('sent_$name', '{"n": 1}');
        insert into consumer (name, start_seen) values ('$name', pg_current_snapshot());
        insert into project_migration (name, timestamp) values ('$name', '')`);
      expect(await fixture.log(`sent_${fixture.name}`)).toHaveLength(1);
      expect(await fixture.log()).toEqual([]);
    } finally {
      for (const table of await ownTables()) await fixture.run(`drop trigger by_hand on ${table}`);
    }
  });

  it('pgwatch describes none of them, so no trigger captures one', async () => {
    const { rows } = await fixture.database.query<{ name: string }>(
      'select name from unnest($1::text[]) as name where describe_table(name::regclass) is not null',
      [await ownTables()],
    );
    expect(rows).toEqual([]);
  });
});
