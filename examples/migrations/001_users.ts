import type { Kysely } from 'kysely';
import { createTriggerForTable, dropTriggerForTable } from 'pgwatch';

/** A table to try pgwatch with: each change of a row becomes a notification on data_change. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('users')
    .addColumn('id', 'bigint', (column) => column.primaryKey().generatedAlwaysAsIdentity())
    .addColumn('email', 'text', (column) => column.notNull())
    .execute();
  await createTriggerForTable(db, 'users');
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await dropTriggerForTable(db, 'users');
  await db.schema.dropTable('users').execute();
}
