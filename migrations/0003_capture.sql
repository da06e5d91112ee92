-- Capture: the trigger functions that write the changes of tables to the log.
--
-- They run with the rights of the role that writes the table (see 0002), and pin their search_path.
-- Whatever a row holds, they never fail the statement that writes it.

-- table_stamp() for a key of several columns, and for a table without a primary key: whether it was
-- given one can only be told within a transaction, by what that has changed, if the server counts it.
create function @schema@.table_stamp_without_column(relation oid, key_index oid) returns text
language plpgsql stable
as $$
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
$$;

-- What a description of a table stays true with: its name and its primary key, as the server's own
-- caches have them, which follow every change, by others too. A key of one column (key_attribute, its
-- number in the root) is told by that column's name and its index, in 3 us; the definition of a whole
-- index takes 10. Null: there is no telling.
create function @schema@.table_stamp(relation oid, key_index oid, key_attribute integer) returns text
language sql stable
as $$
  select case when key_attribute > 0
    then pg_describe_object(
      'pg_class'::regclass, coalesce(pg_partition_root(relation), relation), key_attribute)
      || ' ' || key_index::regclass::text
    else @schema@.table_stamp_without_column(relation, key_index)
  end
$$;

-- Describes a captured table, for the functions below:
--   1  the stamp, with which this stays true    4  schema    6  what its keys begin with, "schema.table:";
--   2  the primary key's index                  5  table        null without a primary key
--   3  its column's number, if it is one                     7  the column that is the record id; null
--                                                               when the key has several: they are 8, 9 ...
-- A partition is named by its root, because that is the table users write to.
-- Null for pgwatch's own tables, which are not captured: the log of the log would have no end. Others
-- may stand in the same schema.
-- (Small queries in plpgsql, which keeps their plans, cost a third of one that joins everything, and
-- a tenth of a SQL function, which is planned again for each transaction.)
create function @schema@.describe_table(relation oid) returns text[]
language plpgsql stable
as $$
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
    @schema@.table_stamp(relation, key_index, key_attribute), key_index::text, key_attribute::text,
    n.nspname, c.relname,
    case when key_index is not null then format('%I.%I:', n.nspname, c.relname) end]
  into described
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  where c.oid = root
    and not (n.nspname = @schema_name@ and c.relname in (
      'installation', 'notification_log', 'server_life', 'consumer', 'consumer_member',
      'consumer_cursor', 'redelivery', 'migration', 'migration_lock', 'project_migration',
      'project_migration_lock'));
  return case when described is not null then described || names end;
end
$$;

-- describe_table(), remembered in a setting of the session: asking the catalogs would cost a
-- transaction of one row as much as the rest of its capture. Without a primary key it is remembered
-- until the transaction ends. Whoever forges the setting forges only what the session's own writes are
-- called.
create function @schema@.described_table(relation oid) returns text[]
language plpgsql
as $$
declare
  setting text := 'pgwatch.table_' || relation;
  described text[] := nullif(current_setting(setting, true), '');
begin
  if described[1] = @schema@.table_stamp(relation, described[2]::oid, described[3]::integer) then
    return described;
  end if;
  described := @schema@.describe_table(relation);
  if described is null then
    return null;
  end if;
  -- An assignment costs less than PERFORM, which is a query.
  setting := set_config(setting, described::text, described[2] is null);
  return described;
end
$$;

-- The record id for a primary key of several columns: an object.
create function @schema@.record_id_of_columns(described text[], data jsonb) returns jsonb
language plpgsql immutable strict
as $$
begin
  return (select jsonb_object_agg(name, data -> name) from unnest(described[8:]) as name);
end
$$;

-- The record id: the primary key's value, an object when it has several columns, the column "id"
-- when there is no primary key, else null.
create function @schema@.record_id(described text[], data jsonb) returns jsonb
language sql immutable
as $$
  select coalesce(data -> described[7], @schema@.record_id_of_columns(described, data))
$$;

-- The key for a primary key of several columns: schema.table:[values].
create function @schema@.record_key_of_columns(prefix text, described text[], data jsonb) returns text
language plpgsql immutable strict
as $$
begin
  return prefix || (
    select jsonb_agg(data -> name order by position)::text
    from unnest(described[8:]) with ordinality as k (name, position));
end
$$;

-- The key: schema.table:id, for tables with a primary key; null without one.
create function @schema@.record_key(described text[], data jsonb) returns text
language sql immutable
as $$
  select coalesce(
    described[6] || (data ->> described[7]),
    @schema@.record_key_of_columns(described[6], described, data))
$$;

-- The payload of a captured change, as in the original, and the schema. Who made the change are
-- the settings app.user_id and app.session_id, null when unset or empty.
create function @schema@.change_payload(
  described text[], action text, old_data jsonb, new_data jsonb
) returns jsonb
language sql stable
as $$
  select jsonb_build_object(
    'schema', described[4], 'table', described[5], 'action', action,
    'id', @schema@.record_id(described, coalesce(new_data, old_data)),
    'old_data', old_data, 'new_data', new_data,
    'metadata', jsonb_build_object(
      'user_id', nullif(current_setting('app.user_id', true), ''),
      'session_id', nullif(current_setting('app.session_id', true), ''),
      'transaction_id', txid_current()))
$$;

-- The same for a change that could not be captured whole: says why in "capture_error", and leaves
-- out what does not fit (a jsonb value holds 256 MB).
create function @schema@.change_payload_in_part(
  described text[], action text, old_data jsonb, new_data jsonb, reason text
) returns jsonb
language plpgsql
as $$
declare
  note constant jsonb := jsonb_build_object('capture_error', reason);
begin
  return @schema@.change_payload(described, action, old_data, new_data) || note;
exception when others then
  begin
    return @schema@.change_payload(described, action, null, new_data) || note;
  exception when others then
    return @schema@.change_payload(described, action, null, null) || note || jsonb_build_object(
      'id', @schema@.record_id(described, coalesce(new_data, old_data)));
  end;
end
$$;

-- A row as JSON, column by column, for rows that to_jsonb() refuses: a json column with \u0000, a
-- text of more than 256 MB, a cast that fails. A value that cannot be JSON becomes its text, or
-- null when even that is too large. The source must be of the relation's type, not any record.
create function @schema@.row_to_jsonb_leniently(source anyelement, relation oid) returns jsonb
language plpgsql
as $$
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
$$;

-- The trigger function users name: captures a row change, as
--   create trigger … after insert or update or delete on users
--   for each row execute function notify_data_change();
-- An argument names another channel than data_change. For each statement (as TRUNCATE needs), it
-- notes the statement, without rows. What cannot be captured whole is captured in part.
create function @functions_schema@.notify_data_change() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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
    if (described[1] = @schema@.table_stamp(tg_relid, described[2]::oid, described[3]::integer))
      is not true
    then
      described := @schema@.described_table(tg_relid);
      if described is null then
        return coalesce(new, old);
      end if;
    end if;
    old_data := to_jsonb(old);  -- null where there is no such row
    new_data := to_jsonb(new);
    payload := @schema@.change_payload(described, tg_op, old_data, new_data);
  exception when others then
    described := @schema@.describe_table(tg_relid);
    if described is null then
      return coalesce(new, old);
    end if;
    if tg_level = 'ROW' then
      if tg_op <> 'INSERT' then
        old_data := @schema@.row_to_jsonb_leniently(old, tg_relid);
      end if;
      if tg_op <> 'DELETE' then
        new_data := @schema@.row_to_jsonb_leniently(new, tg_relid);
      end if;
    end if;
    payload := @schema@.change_payload_in_part(described, tg_op, old_data, new_data, sqlerrm);
  end;
  -- Assigned rather than performed, as in described_table().
  notification_id := @schema@.append(
    coalesce(tg_argv[0], 'data_change'),
    @schema@.record_key(described, coalesce(new_data, old_data)),
    payload,
    false);
  if new_data is null then return old; end if;
  return new;
end
$$;
comment on function @functions_schema@.notify_data_change() is
  'pgwatch: trigger function that writes each row change to the log';

-- Captures the rows of an INSERT or DELETE statement, from a transition table that must be named
-- pgwatch_rows; half the cost of a row trigger in bulk. Created by createTriggerForTable(). Its
-- argument is the channel. Writes the log a megabyte at a time, outside the blocks that catch
-- errors, so that no statement takes a subtransaction's id.
create function @schema@.capture_statement() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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
        described := @schema@.described_table(tg_relid);
        if described is null then
          return null;
        end if;
      end if;
      if tg_op = 'DELETE' then
        old_data := to_jsonb(changed);
      else
        new_data := to_jsonb(changed);
      end if;
      payload := @schema@.change_payload(described, tg_op, old_data, new_data);
    exception when others then
      described := @schema@.describe_table(tg_relid);
      reason := sqlerrm;
      begin
        execute format(
          'select row(r.*)::%s as content from pgwatch_rows r offset %s limit 1',
          tg_relid::regclass, position) into typed;
        if tg_op = 'DELETE' then
          old_data := @schema@.row_to_jsonb_leniently(typed.content, tg_relid);
        else
          new_data := @schema@.row_to_jsonb_leniently(typed.content, tg_relid);
        end if;
      exception when others then  -- who writes through a view may have no right on the schema
        old_data := null;
        new_data := null;
      end;
      payload := @schema@.change_payload_in_part(described, tg_op, old_data, new_data, reason);
    end;
    keys := array_append(keys, @schema@.record_key(described, coalesce(new_data, old_data)));
    payloads := array_append(payloads, payload);
    bytes := bytes + pg_column_size(payload);
    position := position + 1;
    if bytes >= 1048576 then
      perform @schema@.append_many(channel, keys, payloads);
      keys := '{}';
      payloads := '{}';
      bytes := 0;
    end if;
  end loop;
  if bytes > 0 then
    perform @schema@.append_many(channel, keys, payloads);
  end if;
  return null;
end
$$;

-- Said in so many words, because default privileges may have been revoked.
grant execute on function
  @functions_schema@.notify_data_change(),
  @schema@.capture_statement(),
  @schema@.table_stamp(oid, oid, integer),
  @schema@.table_stamp_without_column(oid, oid),
  @schema@.describe_table(oid),
  @schema@.described_table(oid),
  @schema@.record_id(text[], jsonb),
  @schema@.record_id_of_columns(text[], jsonb),
  @schema@.record_key(text[], jsonb),
  @schema@.record_key_of_columns(text, text[], jsonb),
  @schema@.change_payload(text[], text, jsonb, jsonb),
  @schema@.change_payload_in_part(text[], text, jsonb, jsonb, text),
  @schema@.row_to_jsonb_leniently(anyelement, oid)
to public;
