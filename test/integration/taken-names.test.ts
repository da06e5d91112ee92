import { describe, expect, it } from 'vitest';
import { createTriggerForTable } from '../../src/capture/triggers.ts';
import { withMigrationRunner } from '../../src/db/migrator.ts';
import { ownMigrations } from '../../src/db/own-migrations.ts';
import { plannedSql } from '../../src/db/planned-sql.ts';
import type { TestDatabase } from '../support/database.ts';
import {
  emptyDatabase,
  failureOf,
  LATEST,
  migrate,
  objectsOf,
  openInstallation,
  ownChanges,
} from '../support/migrations.ts';

/** What matters of django-pgwatch's functions: their names, arguments and defaults. */
const ORIGINAL = `
  create table original_log (id bigserial, channel text, payload jsonb);
  create function smart_notify(channel_name text, payload_data jsonb default '{}') returns bigint
    language sql as
    $$ insert into original_log (channel, payload) values ($1, $2) returning id $$;
  create function notify_data_change() returns trigger language plpgsql as $$
    begin
      perform smart_notify('data_change', jsonb_build_object(
        'table', tg_table_name, 'action', tg_op, 'new_data', to_jsonb(new)));
      return new;
    end $$;
  create table orders (id int primary key);
  create trigger orders_changes after insert on orders
    for each row execute function notify_data_change()`;

async function databaseOfOriginal(): Promise<TestDatabase> {
  const test = await emptyDatabase();
  await test.query(ORIGINAL);
  return test;
}

async function channelsIn(test: TestDatabase, table: string): Promise<unknown[]> {
  const { rows } = await test.query(`select channel from ${table} order by id`);
  return rows.map(({ channel }) => channel);
}

describe("functions with the names of pgwatch's", () => {
  it('are named and left alone: nothing is installed, and the application still sends', async () => {
    const test = await databaseOfOriginal();
    const db = openInstallation(test);
    const before = await objectsOf(test);
    for (const failure of [
      await failureOf(migrate(db)),
      await failureOf(plannedSql(db, [], LATEST)),
    ]) {
      expect(failure.code).toBe('FUNCTIONS_TAKEN');
      expect(failure.message).toContain(
        'public.notify_data_change(), public.smart_notify(text, jsonb).',
      );
      expect(failure.hint).toContain('functionsSchema');
      expect(failure.hint).toContain(
        'drop function public.notify_data_change(), public.smart_notify(text, jsonb);',
      );
    }
    expect(await objectsOf(test)).toEqual(before);
    await test.query('insert into orders values (1)');
    await test.query(`select smart_notify('by hand', '{}')`);
    expect(await channelsIn(test, 'original_log')).toEqual(['data_change', 'by hand']);
  });

  it('are refused one by one, also where the arguments are those of ours', async () => {
    const test = await emptyDatabase();
    await test.query(`create function smart_notify(text, jsonb, text) returns int
                      language sql as 'select 1'`);
    const failure = await failureOf(migrate(openInstallation(test)));
    expect(failure.code).toBe('FUNCTIONS_TAKEN');
    expect(failure.message).toContain(': public.smart_notify(text, jsonb, text).');
    expect(failure.message).not.toContain('installation of pgwatch');
  });

  it('may stand in other schemas', async () => {
    const test = await databaseOfOriginal();
    await test.query('create schema pgwatch_api');
    const db = openInstallation(test, 'pgwatch', 'pgwatch_api');
    expect(await migrate(db)).toEqual(await ownChanges(db));
    await test.query(
      `select smart_notify('original', '{}'); select pgwatch_api.smart_notify('new')`,
    );
    expect(await channelsIn(test, 'original_log')).toEqual(['original']);
    expect(await channelsIn(test, 'pgwatch.notification_log')).toEqual(['new']);
  });

  it('are ours after an installation: an upgrade that finds them goes on', async () => {
    const test = await emptyDatabase();
    const db = openInstallation(test);
    const own = await ownMigrations(db.names);
    await withMigrationRunner(db.sessionServers, db.names, (runner) =>
      runner.run('pgwatch', own.slice(0, -1), LATEST, () => {}),
    );
    await test.query(`select smart_notify('older')`);
    expect(await migrate(db)).toEqual((await ownChanges(db)).slice(-1));
  });

  it('of another program that came later do not hold up the project’s migrations', async () => {
    const test = await emptyDatabase();
    const db = openInstallation(test);
    await migrate(db);
    await test.query(`create function smart_notify(text, int) returns int
                      language sql as 'select 1'`);
    expect(await migrate(db)).toEqual([]);
  });
});

describe('coming from the original', () => {
  it('its function can pass on what is sent, so that its triggers and callers need no change', async () => {
    const test = await databaseOfOriginal();
    await test.query('create schema pgwatch_api');
    const db = openInstallation(test, 'pgwatch', 'pgwatch_api');
    await migrate(db);
    await test.query(`
      create or replace function public.smart_notify(
        channel_name text, payload_data jsonb default '{}'::jsonb) returns bigint
      language sql as 'select pgwatch_api.smart_notify(channel_name, payload_data)'`);
    await test.query('insert into orders values (1)');
    await test.query(`select smart_notify('by hand')`);
    expect(await channelsIn(test, 'pgwatch.notification_log')).toEqual(['data_change', 'by hand']);

    // Then table by table.
    const forgotten = await failureOf(createTriggerForTable(test.pool, 'orders'));
    expect(forgotten.code).toBe('FUNCTIONS_TAKEN');
    expect(forgotten.message).toContain('"public".notify_data_change() does not write the log');
    expect(forgotten.hint).toContain('functionsSchema');
    await test.query('drop trigger orders_changes on orders');
    await createTriggerForTable(test.pool, 'orders', { functionsSchema: 'pgwatch_api' });
    await test.query('insert into orders values (2)');
    expect(await channelsIn(test, 'pgwatch.notification_log')).toHaveLength(3);
  });
});
