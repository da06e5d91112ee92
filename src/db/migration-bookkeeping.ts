import { type QueryExecutorProvider, sql } from 'kysely';
import { BOOKKEEPING, type MigrationOwner } from './own-tables.ts';
import { codeOf, SQLSTATE } from './sqlstate.ts';

/** When each migration was applied, by name; empty where nothing is installed yet. */
export async function appliedMigrations(
  db: QueryExecutorProvider,
  schema: string,
  owner: MigrationOwner,
): Promise<ReadonlyMap<string, Date>> {
  try {
    const { rows } = await sql<{ name: string; timestamp: string }>`
      select name, timestamp from ${sql.id(schema, BOOKKEEPING[owner].table)}`.execute(db);
    return new Map(rows.map(({ name, timestamp }) => [name, new Date(timestamp)]));
  } catch (error) {
    const code = codeOf(error);
    if (code === SQLSTATE.undefinedTable || code === SQLSTATE.invalidSchemaName) return new Map();
    throw error;
  }
}
