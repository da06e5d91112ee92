import type { Generated } from 'kysely';

/** pgwatch's tables as Kysely sees them; what the columns mean stands in migrations/0001_tables.sql. */
export interface Tables {
  installation: InstallationTable;
  notification_log: NotificationLogTable;
  server_life: ServerLifeTable;
  consumer: ConsumerTable;
  consumer_member: ConsumerMemberTable;
  consumer_cursor: ConsumerCursorTable;
  redelivery: RedeliveryTable;
  migration: MigrationTable;
  project_migration: MigrationTable;
}

interface InstallationTable {
  singleton: Generated<boolean>;
  system_identifier: string;
  database_oid: number;
  written_by: Generated<string>;
  installed_at: Generated<Date>;
}

interface NotificationLogTable {
  id: Generated<number>;
  xid: Generated<string>;
  channel: string;
  key: string | null;
  payload: unknown;
  created_at: Generated<Date>;
  traceparent: Generated<string | null>;
}

interface ServerLifeTable {
  singleton: Generated<boolean>;
  id: Generated<string>;
}

interface ConsumerTable {
  id: Generated<number>;
  name: string;
  partitions: Generated<number>;
  next_partitions: number | null;
  closing_at: string | null;
  start_seen: string;
  paused_at: Date | null;
  steered: Generated<number>;
  created_at: Generated<Date>;
}

interface ConsumerMemberTable {
  consumer_id: number;
  owner: string;
  until: Date;
}

interface ConsumerCursorTable {
  consumer_id: number;
  partition: Generated<number>;
  channels: string[];
  seen: string;
  until: string | null;
  last_id: number | null;
  epoch: Generated<number>;
  lease_owner: string | null;
  lease_until: Date | null;
  updated_at: Generated<Date>;
}

interface RedeliveryTable {
  consumer_id: number;
  notification_id: number;
  partition: Generated<number>;
  channel: string;
  key: string | null;
  state: Generated<'retry' | 'dead' | 'handled'>;
  reason: 'failure' | 'replay';
  attempt: Generated<number>;
  due_at: Generated<Date>;
  last_error: string | null;
  created_at: Generated<Date>;
  updated_at: Generated<Date>;
}

/** Kysely's own bookkeeping. */
interface MigrationTable {
  name: string;
  timestamp: string;
}
