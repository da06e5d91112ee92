-- The log, the consumers and their cursors, and the redeliveries.
--
-- @schema@ and the like are replaced by the migrator with quoted identifiers or literals
-- (src/db/migrations.ts). A migration that has been released is never edited: add the next number.

-- Application roles call the functions of this schema from their triggers; no table is granted.
grant usage on schema @schema@ to public;

-- Where this installation was made: snapshots mean something only in that cluster, and a copy of the
-- database must not run the original's consumers (docs/decisions/0010: the clone guard).
create table @schema@.installation (
  singleton boolean primary key default true check (singleton),
  system_identifier bigint not null default (pg_catalog.pg_control_system()).system_identifier,
  -- The database in that cluster: stable when it is renamed, another one in a copy of it.
  database_oid oid not null,
  -- The transaction that wrote this row. PostgreSQL stamps the row with it as well (xmin); a dump
  -- copies this column and not the stamp, so the two agree only where the files are the original's.
  written_by xid8 not null default pg_catalog.pg_current_xact_id(),
  installed_at timestamptz not null default pg_catalog.now()
);
insert into @schema@.installation (database_oid)
select oid from pg_catalog.pg_database where datname = pg_catalog.current_database();

-- One row per notification. Append-only: nothing but clean-up ever touches a row again.
create table @schema@.notification_log (
  id bigint generated always as identity primary key,
  -- The writing transaction. Cursors are snapshots, and this is what they are compared with.
  xid xid8 not null default pg_catalog.pg_current_xact_id(),
  channel text collate "C" not null,
  -- Notifications with the same key are handled in the order of their ids; null: no such promise.
  key text,
  payload jsonb not null,
  -- The wall clock at the insert, not the transaction's start: ids and times run together, so
  -- retention walks from the lowest id and needs no index on time.
  created_at timestamptz not null default pg_catalog.clock_timestamp()
);
-- "What became visible since this snapshot": a range of xids plus a few single ones.
create index notification_log_xid_id on @schema@.notification_log (xid, id);
-- Paging through a window by id, channel by channel.
create index notification_log_channel_id on @schema@.notification_log (channel, id);
-- Rows are only ever inserted, so the visibility map and the statistics must be kept by inserts.
alter table @schema@.notification_log set (
  autovacuum_vacuum_insert_scale_factor = 0.02,
  autovacuum_analyze_scale_factor = 0.02
);

-- One row, made by whoever needs it. PostgreSQL empties an unlogged table after a crash and at the
-- promotion of a standby: just when transaction ids may be given out a second time, so that a
-- snapshot kept in a daemon's memory would cover rows that nobody has seen. A cursor is only read
-- and written in the life of the server in which it was claimed.
create unlogged table @schema@.server_life (
  singleton boolean primary key default true check (singleton),
  id uuid not null default pg_catalog.gen_random_uuid()
);

create table @schema@.consumer (
  id integer generated always as identity primary key,
  name text not null unique,
  -- Over how many cursors its notifications are split, by hash of the key.
  partitions integer not null default 1 check (partitions > 0),
  -- Set while the split is about to change: first, all cursors come to stand at closing_at.
  next_partitions integer check (next_partitions > 0),
  closing_at pg_snapshot,
  -- What was visible here was never this consumer's to handle: it is "skipped", not "handled".
  start_seen pg_snapshot not null,
  created_at timestamptz not null default pg_catalog.now(),
  check ((next_partitions is null) = (closing_at is null))
);

-- Which of a consumer's partitions a notification belongs to: all of one key to the same, those
-- without a key to any. The hash is PostgreSQL's own for hash-partitioned tables, so pg_upgrade
-- depends on its not changing. Where n is a multiple of m, a partition of n lies within one of m.
create function @schema@.partition_of(key text, notification_id bigint, partitions integer)
returns integer
language sql immutable
as $$
  select case partitions when 1 then 0 else (
    (pg_catalog.hashtextextended(coalesce(key, notification_id::text) collate "C", 0)
      & 9223372036854775807) % partitions
  )::integer end
$$;
revoke execute on function @schema@.partition_of(text, bigint, integer) from public;

-- The processes that share a consumer's partitions, whether they run one or not. Made of what dies
-- with the server, like the processes' sessions.
create unlogged table @schema@.consumer_member (
  consumer_id integer not null references @schema@.consumer on delete cascade,
  owner text not null,
  -- Gone when this has passed, unless renewed.
  until timestamptz not null,
  primary key (consumer_id, owner)
);

-- How far a consumer is. Every row of the log whose xid is visible in seen is settled; so is,
-- while a window is open (until is not null), every row visible in until whose id is at most
-- last_id. Exceptions to "settled means handled" are rows of redelivery.
create table @schema@.consumer_cursor (
  consumer_id integer not null references @schema@.consumer on delete cascade,
  -- 0 .. partitions-1; a consumer that is not split has the one partition 0.
  partition integer not null default 0,
  -- Those of whoever claimed it last.
  channels text[] not null,
  seen pg_snapshot not null,
  until pg_snapshot,
  last_id bigint,
  -- The lease: who runs this cursor, and until when unless renewed. Every take-over raises epoch;
  -- a write that names an older epoch changes nothing.
  epoch bigint not null default 0,
  lease_owner text,
  lease_until timestamptz,
  updated_at timestamptz not null default pg_catalog.now(),
  primary key (consumer_id, partition),
  check ((until is null) = (last_id is null))
) with (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50);

-- A notification to be handled again by one consumer.
create table @schema@.redelivery (
  consumer_id integer not null references @schema@.consumer on delete cascade,
  notification_id bigint not null,
  partition integer not null default 0,
  channel text collate "C" not null,
  key text,
  -- retry: will be attempted when due; dead: a dead letter, attempted no more; handled: kept until
  -- the stored cursor has passed it, or whoever fetches from there would handle it again.
  state text not null default 'retry' check (state in ('retry', 'dead', 'handled')),
  -- failure: its handler threw, or it waits behind one of the same key that did;
  -- replay: it is handled (again) on purpose.
  reason text not null check (reason in ('failure', 'replay')),
  -- Attempts made so far.
  attempt integer not null default 0,
  -- infinity: waits behind an earlier notification of the same key.
  due_at timestamptz not null default pg_catalog.now(),
  last_error text,
  created_at timestamptz not null default pg_catalog.now(),
  updated_at timestamptz not null default pg_catalog.now(),
  primary key (consumer_id, notification_id)
);
create index redelivery_due on @schema@.redelivery (consumer_id, partition, due_at, notification_id)
  where state = 'retry';
create index redelivery_handled on @schema@.redelivery (consumer_id, partition)
  where state = 'handled';
-- A key may be longer than a B-tree entry may be, so it is looked up by its md5.
create index redelivery_key on @schema@.redelivery (consumer_id, pg_catalog.md5(key), notification_id)
  where state = 'retry' and key is not null;
-- Clean-up asks whether anybody still wants a notification.
create index redelivery_notification on @schema@.redelivery (notification_id);
