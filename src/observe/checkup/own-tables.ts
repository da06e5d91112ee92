import { BOOKKEEPING } from '../../db/migration-bookkeeping.ts';
import type { Tables } from '../../db/tables.ts';

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
 * pgwatch's own tables. The schema may be the application's, too (`schema: 'app'`), and what stands
 * there beside them is none of doctor's business.
 */
export const OWN_TABLES: readonly string[] = [
  ...Object.keys(TABLES),
  BOOKKEEPING.pgwatch.lockTable,
  BOOKKEEPING.project.lockTable,
];
