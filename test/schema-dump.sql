-- The schema as the migrations make it, told by the catalogs. Written by `npm run schema:dump`;
-- a test compares.

create schema pgwatch;
grant usage on schema pgwatch to public;

create schema pgwatch_api;

create table pgwatch.consumer (
  id integer not null generated always as identity,
  name text not null,
  partitions integer not null default 1,
  next_partitions integer,
  closing_at pg_snapshot,
  start_seen pg_snapshot not null,
  created_at timestamp with time zone not null default now(),
  paused_at timestamp with time zone,
  steered bigint not null default 0,
  constraint consumer_check CHECK (((next_partitions IS NULL) = (closing_at IS NULL))),
  constraint consumer_name_key UNIQUE (name),
  constraint consumer_next_partitions_check CHECK ((next_partitions > 0)),
  constraint consumer_partitions_check CHECK ((partitions > 0)),
  constraint consumer_pkey PRIMARY KEY (id)
);

create table pgwatch.consumer_cursor (
  consumer_id integer not null,
  partition integer not null default 0,
  channels text[] not null,
  seen pg_snapshot not null,
  until pg_snapshot,
  last_id bigint,
  epoch bigint not null default 0,
  lease_owner text,
  lease_until timestamp with time zone,
  updated_at timestamp with time zone not null default now(),
  constraint consumer_cursor_check CHECK (((until IS NULL) = (last_id IS NULL))),
  constraint consumer_cursor_consumer_id_fkey FOREIGN KEY (consumer_id) REFERENCES pgwatch.consumer(id) ON DELETE CASCADE,
  constraint consumer_cursor_pkey PRIMARY KEY (consumer_id, partition)
) with (fillfactor=20, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=50);

create unlogged table pgwatch.consumer_member (
  consumer_id integer not null,
  owner text not null,
  until timestamp with time zone not null,
  constraint consumer_member_consumer_id_fkey FOREIGN KEY (consumer_id) REFERENCES pgwatch.consumer(id) ON DELETE CASCADE,
  constraint consumer_member_pkey PRIMARY KEY (consumer_id, owner)
);

create table pgwatch.installation (
  singleton boolean not null default true,
  system_identifier bigint not null default (pg_control_system()).system_identifier,
  database_oid oid not null,
  written_by xid8 not null default pg_current_xact_id(),
  installed_at timestamp with time zone not null default now(),
  constraint installation_pkey PRIMARY KEY (singleton),
  constraint installation_singleton_check CHECK (singleton)
);

create table pgwatch.migration (
  name character varying(255) not null,
  "timestamp" character varying(255) not null,
  constraint migration_pkey PRIMARY KEY (name)
);

create table pgwatch.migration_lock (
  id character varying(255) not null,
  is_locked integer not null default 0,
  constraint migration_lock_pkey PRIMARY KEY (id)
);

create table pgwatch.notification_log (
  id bigint not null generated always as identity,
  xid xid8 not null default pg_current_xact_id(),
  channel text collate "C" not null,
  key text,
  payload jsonb not null,
  created_at timestamp with time zone not null default clock_timestamp(),
  traceparent text default "substring"(current_setting('pgwatch.traceparent'::text, true), '^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$'::text),
  constraint notification_log_pkey PRIMARY KEY (id)
) with (autovacuum_vacuum_insert_scale_factor=0.02, autovacuum_analyze_scale_factor=0.02);

create table pgwatch.redelivery (
  consumer_id integer not null,
  notification_id bigint not null,
  partition integer not null default 0,
  channel text collate "C" not null,
  key text,
  state text not null default 'retry'::text,
  reason text not null,
  attempt integer not null default 0,
  due_at timestamp with time zone not null default now(),
  last_error text,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  constraint redelivery_consumer_id_fkey FOREIGN KEY (consumer_id) REFERENCES pgwatch.consumer(id) ON DELETE CASCADE,
  constraint redelivery_pkey PRIMARY KEY (consumer_id, notification_id),
  constraint redelivery_reason_check CHECK ((reason = ANY (ARRAY['failure'::text, 'replay'::text]))),
  constraint redelivery_state_check CHECK ((state = ANY (ARRAY['retry'::text, 'dead'::text, 'handled'::text])))
);

create unlogged table pgwatch.server_life (
  singleton boolean not null default true,
  id uuid not null default gen_random_uuid(),
  constraint server_life_pkey PRIMARY KEY (singleton),
  constraint server_life_singleton_check CHECK (singleton)
);

CREATE INDEX notification_log_channel_id ON pgwatch.notification_log USING btree (channel, id);

CREATE INDEX notification_log_xid_id ON pgwatch.notification_log USING btree (xid, id);

CREATE INDEX redelivery_due ON pgwatch.redelivery USING btree (consumer_id, partition, due_at, notification_id) WHERE (state = 'retry'::text);

CREATE INDEX redelivery_handled ON pgwatch.redelivery USING btree (consumer_id, partition) WHERE (state = 'handled'::text);

CREATE INDEX redelivery_key ON pgwatch.redelivery USING btree (consumer_id, md5(key), notification_id) WHERE ((state = 'retry'::text) AND (key IS NOT NULL));

CREATE INDEX redelivery_notification ON pgwatch.redelivery USING btree (notification_id);

CREATE OR REPLACE FUNCTION pgwatch.append(channel text, key text, payload jsonb, broadcast_by_default boolean)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  notification_id bigint;
  written_at timestamptz;
  is_heard boolean;
  is_broadcast boolean;
begin
  -- What can be asked in one statement is: each more costs as much as writing an index entry.
  insert into "pgwatch".notification_log as log (channel, key, payload)
  values (
    case when octet_length(append.channel) between 1 and 63 then append.channel
      else "pgwatch".valid_channel(append.channel)
    end,
    append.key,
    coalesce(append.payload, 'null'))
  returning log.id, log.created_at, "pgwatch".somebody_is_awake(), "pgwatch".broadcasts(broadcast_by_default)
  into notification_id, written_at, is_heard, is_broadcast;
  if is_broadcast or not is_heard then
    if not is_heard then
      perform pg_notify('pgwatch', channel);
    end if;
    if is_broadcast then
      perform "pgwatch".broadcast(channel, notification_id, written_at, coalesce(payload, 'null'));
    end if;
  end if;
  return notification_id;
end
$function$;
grant execute on function pgwatch.append(text,text,jsonb,boolean) to public;

CREATE OR REPLACE FUNCTION pgwatch.append_many(channel text, keys text[], payloads jsonb[])
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform "pgwatch".valid_channel(channel);
  if "pgwatch".broadcasts(false) then
    for i in 1 .. cardinality(payloads) loop
      perform "pgwatch".append(channel, keys[i], payloads[i], false);
    end loop;
    return;
  end if;
  -- A scan of the arrays side by side keeps their order without a sort.
  insert into "pgwatch".notification_log (channel, key, payload)
  select append_many.channel, given.key, given.payload
  from rows from (unnest(keys), unnest(payloads)) as given (key, payload);
  if not "pgwatch".somebody_is_awake() then
    perform pg_notify('pgwatch', channel);
  end if;
end
$function$;
grant execute on function pgwatch.append_many(text,text[],jsonb[]) to public;

CREATE OR REPLACE FUNCTION pgwatch.broadcast(channel text, notification_id bigint, written_at timestamp with time zone, payload jsonb)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  envelope jsonb := jsonb_build_object(
    'notification_log_id', notification_id,
    'timestamp', extract(epoch from written_at));
  whole text;
begin
  -- The binary form is at most a few times the text; only what may fit is turned into text.
  if pg_column_size(payload) <= 65536 then
    whole := (envelope || jsonb_build_object('data', payload))::text;
  end if;
  if whole is null or octet_length(whole) > 7500 then
    whole := (envelope || jsonb_build_object('large_payload', true))::text;
  end if;
  perform pg_notify(channel, whole);
end
$function$;

CREATE OR REPLACE FUNCTION pgwatch.broadcasts(by_default boolean)
 RETURNS boolean
 LANGUAGE sql
 STABLE
AS $function$
  select case when pg_catalog.current_setting('pgwatch.broadcast', true) <> ''
    then "pgwatch".broadcasts_as_set(by_default)
    else by_default
  end
$function$;

CREATE OR REPLACE FUNCTION pgwatch.broadcasts_as_set(by_default boolean)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE
AS $function$
begin
  return case lower(current_setting('pgwatch.broadcast', true))
    when 'on' then true when 'true' then true when 'yes' then true when '1' then true
    when 'off' then false when 'false' then false when 'no' then false when '0' then false
    else by_default
  end;
end
$function$;

CREATE OR REPLACE FUNCTION pgwatch.capture_statement()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  channel constant text := coalesce(tg_argv[0], 'data_change');
  described text[];
  changed record;
  typed record;
  reason text;
  position bigint := 0;
  old_data jsonb;
  new_data jsonb;
  payload jsonb;
  keys text[] := '{}';
  payloads jsonb[] := '{}';
  bytes bigint := 0;
begin
  for changed in select r.* from pgwatch_rows r loop  -- (r alone might be a column)
    begin
      if described is null then
        described := "pgwatch".described_table(tg_relid);
        if described is null then
          return null;
        end if;
      end if;
      if tg_op = 'DELETE' then
        old_data := to_jsonb(changed);
      else
        new_data := to_jsonb(changed);
      end if;
      payload := "pgwatch".change_payload(described, tg_op, old_data, new_data);
    exception when others then
      described := "pgwatch".describe_table(tg_relid);
      reason := sqlerrm;
      begin
        execute format(
          'select row(r.*)::%s as content from pgwatch_rows r offset %s limit 1',
          tg_relid::regclass, position) into typed;
        if tg_op = 'DELETE' then
          old_data := "pgwatch".row_to_jsonb_leniently(typed.content, tg_relid);
        else
          new_data := "pgwatch".row_to_jsonb_leniently(typed.content, tg_relid);
        end if;
      exception when others then  -- who writes through a view may have no right on the schema
        old_data := null;
        new_data := null;
      end;
      payload := "pgwatch".change_payload_in_part(described, tg_op, old_data, new_data, reason);
    end;
    keys := array_append(keys, "pgwatch".record_key(described, coalesce(new_data, old_data)));
    payloads := array_append(payloads, payload);
    bytes := bytes + pg_column_size(payload);
    position := position + 1;
    if bytes >= 1048576 then
      perform "pgwatch".append_many(channel, keys, payloads);
      keys := '{}';
      payloads := '{}';
      bytes := 0;
    end if;
  end loop;
  if bytes > 0 then
    perform "pgwatch".append_many(channel, keys, payloads);
  end if;
  return null;
end
$function$;
grant execute on function pgwatch.capture_statement() to public;

CREATE OR REPLACE FUNCTION pgwatch.change_payload(described text[], action text, old_data jsonb, new_data jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
AS $function$
  select jsonb_build_object(
    'schema', described[4], 'table', described[5], 'action', action,
    'id', "pgwatch".record_id(described, coalesce(new_data, old_data)),
    'old_data', old_data, 'new_data', new_data,
    'metadata', jsonb_build_object(
      'user_id', nullif(current_setting('app.user_id', true), ''),
      'session_id', nullif(current_setting('app.session_id', true), ''),
      'transaction_id', txid_current()))
$function$;
grant execute on function pgwatch.change_payload(text[],text,jsonb,jsonb) to public;

CREATE OR REPLACE FUNCTION pgwatch.change_payload_in_part(described text[], action text, old_data jsonb, new_data jsonb, reason text)
 RETURNS jsonb
 LANGUAGE plpgsql
AS $function$
declare
  note constant jsonb := jsonb_build_object('capture_error', reason);
begin
  return "pgwatch".change_payload(described, action, old_data, new_data) || note;
exception when others then
  begin
    return "pgwatch".change_payload(described, action, null, new_data) || note;
  exception when others then
    return "pgwatch".change_payload(described, action, null, null) || note || jsonb_build_object(
      'id', "pgwatch".record_id(described, coalesce(new_data, old_data)));
  end;
end
$function$;
grant execute on function pgwatch.change_payload_in_part(text[],text,jsonb,jsonb,text) to public;

CREATE OR REPLACE FUNCTION pgwatch.describe_table(relation oid)
 RETURNS text[]
 LANGUAGE plpgsql
 STABLE
AS $function$
declare
  root constant oid := coalesce(pg_partition_root(relation), relation);
  described text[];
  key_index oid;
  key_columns smallint[];
  key_column smallint;
  key_attribute smallint;
  name text;
  names text[] := '{}';
begin
  select indexrelid, (indkey::smallint[])[0:indnkeyatts - 1] into key_index, key_columns
  from pg_index
  where indrelid = relation and indisprimary;
  foreach key_column in array coalesce(key_columns, '{}') loop
    select attname into name
    from pg_attribute
    where attrelid = relation and attnum = key_column;
    names := array_append(names, name);
  end loop;
  case cardinality(names)
    when 0 then names := '{id}';
    when 1 then
      select attnum into key_attribute from pg_attribute where attrelid = root and attname = name;
    else names := array_prepend(null, names);
  end case;
  select array[
    "pgwatch".table_stamp(relation, key_index, key_attribute), key_index::text, key_attribute::text,
    n.nspname, c.relname,
    case when key_index is not null then format('%I.%I:', n.nspname, c.relname) end]
  into described
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  where c.oid = root
    and not (n.nspname = 'pgwatch' and c.relname in (
      'installation', 'notification_log', 'server_life', 'consumer', 'consumer_member',
      'consumer_cursor', 'redelivery', 'migration', 'migration_lock', 'project_migration',
      'project_migration_lock'));
  return case when described is not null then described || names end;
end
$function$;
grant execute on function pgwatch.describe_table(oid) to public;

CREATE OR REPLACE FUNCTION pgwatch.described_table(relation oid)
 RETURNS text[]
 LANGUAGE plpgsql
AS $function$
declare
  setting text := 'pgwatch.table_' || relation;
  described text[] := nullif(current_setting(setting, true), '');
begin
  if described[1] = "pgwatch".table_stamp(relation, described[2]::oid, described[3]::integer) then
    return described;
  end if;
  described := "pgwatch".describe_table(relation);
  if described is null then
    return null;
  end if;
  -- An assignment costs less than PERFORM, which is a query.
  setting := set_config(setting, described::text, described[2] is null);
  return described;
end
$function$;
grant execute on function pgwatch.described_table(oid) to public;

CREATE OR REPLACE FUNCTION pgwatch.partition_of(key text, notification_id bigint, partitions integer)
 RETURNS integer
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select case partitions when 1 then 0 else (
    (pg_catalog.hashtextextended(coalesce(key, notification_id::text) collate "C", 0)
      & 9223372036854775807) % partitions
  )::integer end
$function$;

CREATE OR REPLACE FUNCTION pgwatch.record_id(described text[], data jsonb)
 RETURNS jsonb
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select coalesce(data -> described[7], "pgwatch".record_id_of_columns(described, data))
$function$;
grant execute on function pgwatch.record_id(text[],jsonb) to public;

CREATE OR REPLACE FUNCTION pgwatch.record_id_of_columns(described text[], data jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 IMMUTABLE STRICT
AS $function$
begin
  return (select jsonb_object_agg(name, data -> name) from unnest(described[8:]) as name);
end
$function$;
grant execute on function pgwatch.record_id_of_columns(text[],jsonb) to public;

CREATE OR REPLACE FUNCTION pgwatch.record_key(described text[], data jsonb)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select coalesce(
    described[6] || (data ->> described[7]),
    "pgwatch".record_key_of_columns(described[6], described, data))
$function$;
grant execute on function pgwatch.record_key(text[],jsonb) to public;

CREATE OR REPLACE FUNCTION pgwatch.record_key_of_columns(prefix text, described text[], data jsonb)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE STRICT
AS $function$
begin
  return prefix || (
    select jsonb_agg(data -> name order by position)::text
    from unnest(described[8:]) with ordinality as k (name, position));
end
$function$;
grant execute on function pgwatch.record_key_of_columns(text,text[],jsonb) to public;

CREATE OR REPLACE FUNCTION pgwatch.row_to_jsonb_leniently(source anyelement, relation oid)
 RETURNS jsonb
 LANGUAGE plpgsql
AS $function$
declare
  result jsonb := '{}';
  name text;
  value jsonb;
begin
  for name in
    select attname from pg_attribute
    where attrelid = relation and attnum > 0 and not attisdropped
    order by attnum
  loop
    begin
      execute format('select to_jsonb(($1).%I)', name) using source into value;
    exception when others then
      begin
        execute format('select to_jsonb(($1).%I::text)', name) using source into value;
      exception when others then
        value := null;
      end;
    end;
    begin
      result := result || jsonb_build_object(name, value);
    exception when others then  -- the row as a whole is too large
      result := result || jsonb_build_object(name, null);
    end;
  end loop;
  return result;
end
$function$;
grant execute on function pgwatch.row_to_jsonb_leniently(anyelement,oid) to public;

CREATE OR REPLACE FUNCTION pgwatch.somebody_is_awake()
 RETURNS boolean
 LANGUAGE sql
AS $function$
  select case
    when pg_catalog.lower(pg_catalog.current_setting('pgwatch.doorbell', true))
      in ('off', 'false', 'no', '0') then true
    else pg_catalog.pg_try_advisory_xact_lock_shared(1885828961, -676671160)
  end
$function$;

CREATE OR REPLACE FUNCTION pgwatch.table_stamp(relation oid, key_index oid, key_attribute integer)
 RETURNS text
 LANGUAGE sql
 STABLE
AS $function$
  select case when key_attribute > 0
    then pg_describe_object(
      'pg_class'::regclass, coalesce(pg_partition_root(relation), relation), key_attribute)
      || ' ' || key_index::regclass::text
    else "pgwatch".table_stamp_without_column(relation, key_index)
  end
$function$;
grant execute on function pgwatch.table_stamp(oid,oid,integer) to public;

CREATE OR REPLACE FUNCTION pgwatch.table_stamp_without_column(relation oid, key_index oid)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
AS $function$
declare
  name constant text := coalesce(pg_partition_root(relation), relation)::regclass;
begin
  if key_index is not null then
    return name || ' ' || pg_get_indexdef(key_index);
  elsif current_setting('track_counts') = 'on' then
    return name || ' '
      || pg_stat_get_xact_tuples_inserted('pg_index'::regclass)
      + pg_stat_get_xact_tuples_updated('pg_index'::regclass);
  end if;
  return null;
end
$function$;
grant execute on function pgwatch.table_stamp_without_column(oid,oid) to public;

CREATE OR REPLACE FUNCTION pgwatch.text_of(payload jsonb, max_bytes integer)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
AS $function$
declare
  whole text;
begin
  whole := payload::text;
  return case when octet_length(whole) <= max_bytes then whole end;
exception
  -- Depending on where the room ends: the limit of a buffer, or the size of an allocation.
  when program_limit_exceeded or internal_error then
    return null;
end
$function$;

CREATE OR REPLACE FUNCTION pgwatch.valid_channel(channel text)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE
AS $function$
begin
  if channel is null or channel = '' or octet_length(channel) > 63 then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('pgwatch: invalid channel name %s: it has %s bytes, allowed are 1 to 63',
                       coalesce(quote_literal(left(channel, 80)), 'null'),
                       coalesce(octet_length(channel), 0)),
      hint = 'Choose a short name, such as my_channel; details belong in the payload.';
  end if;
  return channel;
end
$function$;

CREATE OR REPLACE FUNCTION pgwatch_api.notify_data_change()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  described text[];
  old_data jsonb;
  new_data jsonb;
  payload jsonb;
  notification_id bigint;
begin
  begin
    -- As described_table() does, which is not called for each row: a call costs as much as the check.
    described := nullif(current_setting('pgwatch.table_' || tg_relid, true), '');
    if (described[1] = "pgwatch".table_stamp(tg_relid, described[2]::oid, described[3]::integer))
      is not true
    then
      described := "pgwatch".described_table(tg_relid);
      if described is null then
        return coalesce(new, old);
      end if;
    end if;
    old_data := to_jsonb(old);  -- null where there is no such row
    new_data := to_jsonb(new);
    payload := "pgwatch".change_payload(described, tg_op, old_data, new_data);
  exception when others then
    described := "pgwatch".describe_table(tg_relid);
    if described is null then
      return coalesce(new, old);
    end if;
    if tg_level = 'ROW' then
      if tg_op <> 'INSERT' then
        old_data := "pgwatch".row_to_jsonb_leniently(old, tg_relid);
      end if;
      if tg_op <> 'DELETE' then
        new_data := "pgwatch".row_to_jsonb_leniently(new, tg_relid);
      end if;
    end if;
    payload := "pgwatch".change_payload_in_part(described, tg_op, old_data, new_data, sqlerrm);
  end;
  -- Assigned rather than performed, as in described_table().
  notification_id := "pgwatch".append(
    coalesce(tg_argv[0], 'data_change'),
    "pgwatch".record_key(described, coalesce(new_data, old_data)),
    payload,
    false);
  if new_data is null then return old; end if;
  return new;
end
$function$;
grant execute on function pgwatch_api.notify_data_change() to public;
comment on function pgwatch_api.notify_data_change() is 'pgwatch: trigger function that writes each row change to the log';

CREATE OR REPLACE FUNCTION pgwatch_api.smart_notify(channel_name text, payload_data jsonb DEFAULT '{}'::jsonb, key text DEFAULT NULL::text)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return "pgwatch".append(channel_name, key, payload_data, true);
end
$function$;
grant execute on function pgwatch_api.smart_notify(text,jsonb,text) to public;
comment on function pgwatch_api.smart_notify(text,jsonb,text) is 'pgwatch: writes a notification to the log and returns its id';

CREATE OR REPLACE FUNCTION pgwatch_api.smart_notify(channel_name text, payload_data jsonb, key text, traceparent text)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  before text := current_setting('pgwatch.traceparent', true);
  notification_id bigint;
begin
  perform set_config('pgwatch.traceparent', coalesce(traceparent, ''), true);
  notification_id := "pgwatch".append(channel_name, key, payload_data, true);
  perform set_config('pgwatch.traceparent', coalesce(before, ''), true);
  return notification_id;
end
$function$;
grant execute on function pgwatch_api.smart_notify(text,jsonb,text,text) to public;
comment on function pgwatch_api.smart_notify(text,jsonb,text,text) is 'pgwatch: writes a notification with a traceparent to the log and returns its id';
