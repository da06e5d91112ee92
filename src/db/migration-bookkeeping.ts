import { type QueryExecutorProvider, sql } from 'kysely';
import { codeOf, SQLSTATE } from './sqlstate.ts';

/** Whose migrations: pgwatch's schema, or the project's own (its tables and triggers). */
export type MigrationOwner = 'pgwatch' | 'project';

/** Kysely's tables, in pgwatch's schema. */
export const BOOKKEEPING = {
  pgwatch: { table: 'migration', lockTable: 'migration_lock' },
  project: { table: 'project_migration', lockTable: 'project_migration_lock' },
} as const satisfies Record<MigrationOwner, { table: string; lockTable: string }>;

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
