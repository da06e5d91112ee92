import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { createTriggerForTable } from '../../src/capture/triggers.ts';
import { plannedSql } from '../../src/db/planned-sql.ts';
import {
  emptyDatabase,
  failureOf,
  LATEST,
  migrate,
  moduleScript,
  objectsOf,
  openInstallation,
  sqlScript,
} from '../support/migrations.ts';

describe('a dry run', () => {
  it('prints the SQL of every pending migration, and changes nothing', async () => {
    const test = await emptyDatabase();
    const db = openInstallation(test);
    const before = await objectsOf(test);
    const plan = await plannedSql(
      db,
      [
        sqlScript('1_orders', 'create table orders (id int primary key);\n'),
        moduleScript('2_items', async (trx) => {
          await trx.schema
            .createTable('items')
            .addColumn('id', 'integer', (column) => column.primaryKey())
            .execute();
          await createTriggerForTable(trx, 'items', { channel: "item's" });
          await createTriggerForTable(trx, 'orders');
        }),
      ],
      LATEST,
    );
    expect(await objectsOf(test)).toEqual(before);
    for (const part of [
      'create schema if not exists "pgwatch";\n',
      '-- pgwatch: 0001_tables (up)\n',
      'create table "pgwatch".notification_log',
      '-- project: 1_orders (up)\ncreate table orders (id int primary key);\n\n',
      '-- project: 2_items (up)\ncreate table "items" ("id" integer primary key);\n',
      `"pgwatch".capture_statement('item''s')`,
      `"public".notify_data_change('data_change')`,
    ]) {
      expect(plan).toContain(part);
    }
  });

  it('prints what can be run as it is', async () => {
    const test = await emptyDatabase();
    const db = openInstallation(test);
    const scripts = [
      moduleScript('values', async (trx) => {
        await trx.schema
          .createTable('things')
          .addColumn('name', 'text')
          .addColumn('tags', sql`text[]`)
          .addColumn('data', 'jsonb')
          .addColumn('bytes', 'bytea')
          .addColumn('at', 'timestamptz')
          .execute();
        await trx
          .withTables<{ things: Record<string, unknown> }>()
          .insertInto('things')
          .values({
            name: `it's $1 \\ "x"`,
            tags: ['a', "b'c"],
            data: { deep: [1, null] },
            bytes: Buffer.from([0, 255]),
            at: new Date(0),
          })
          .execute();
        await trx
          .withTables<{ things: Record<string, unknown> }>()
          .insertInto('things')
          .values({ name: null, tags: [], data: null, bytes: null, at: null })
          .execute();
      }),
    ];
    await test.query(await plannedSql(db, scripts, LATEST));
    const { rows } = await test.query('select * from things order by name');
    expect(rows).toEqual([
      {
        name: `it's $1 \\ "x"`,
        tags: ['a', "b'c"],
        data: { deep: [1, null] },
        bytes: Buffer.from([0, 255]),
        at: new Date(0),
      },
      { name: null, tags: [], data: null, bytes: null, at: null },
    ]);
  });

  it('prints the way down, and says where there is none', async () => {
    const test = await emptyDatabase();
    const db = openInstallation(test);
    const scripts = [sqlScript('a', 'create table a ()'), sqlScript('b', 'select 1', 'select 2;')];
    await migrate(db, scripts);
    const plan = await plannedSql(db, scripts, { kind: 'to', name: undefined });
    expect(plan).toBe(
      '-- project: b (down)\nselect 2;\n\n-- project: a (down)\n-- cannot be reverted\n\n',
    );
  });

  it('says when there is nothing to do', async () => {
    const test = await emptyDatabase();
    const db = openInstallation(test);
    await migrate(db);
    expect(await plannedSql(db, [], LATEST)).toBe('-- nothing to migrate\n');
  });

  it('fails where migrating would fail, with the name of the migration', async () => {
    const test = await emptyDatabase();
    const db = openInstallation(test);
    const scripts = [
      sqlScript('good', 'create table a ()'),
      sqlScript('wrong', 'create tabel b ()'),
    ];
    const failure = await failureOf(plannedSql(db, scripts, LATEST));
    expect(failure.code).toBe('MIGRATION_FAILED');
    expect(failure.message).toContain('The migration "wrong" failed: syntax error');
    expect(await objectsOf(test)).toEqual(['public.']);
  });
});
