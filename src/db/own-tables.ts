import type { Tables } from './tables.ts';

/** Whose migrations: pgwatch's schema, or the project's own (its tables and triggers). */
export type MigrationOwner = 'pgwatch' | 'project';

/** Kysely's tables, in pgwatch's schema. */
export const BOOKKEEPING = {
  pgwatch: { table: 'migration', lockTable: 'migration_lock' },
  project: { table: 'project_migration', lockTable: 'project_migration_lock' },
} as const satisfies Record<MigrationOwner, { table: string; lockTable: string }>;

const TABLES = {
  installation: true,
  notification_log: true,
  server_life: true,
  consumer: true,
  consumer_member: true,
  consumer_cursor: true,
  redelivery: true,
  migration: true,
  project_migration: true,
} as const satisfies Record<keyof Tables, true>;

/**
 * pgwatch's own tables. The schema may be the application's, too (`schema: 'app'`): what stands there
 * beside them is captured as any table is, and is none of doctor's business. describe_table() in
 * migrations/0003_capture.sql has the same names.
 */
export const OWN_TABLES: readonly string[] = [
  ...Object.keys(TABLES),
  BOOKKEEPING.pgwatch.lockTable,
  BOOKKEEPING.project.lockTable,
];
