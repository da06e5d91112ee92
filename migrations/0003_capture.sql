-- Capture: the trigger functions that write the changes of tables to the log.

-- Names a captured table and its primary key: {schema, table, key prefix, key column, ...}.
-- A partition is named by its root, because that is the table users write to.
create function @schema@.describe_table(relation oid) returns text[]
language sql stable
as $$
  select array[n.nspname::text, c.relname::text, format('%I.%I:', n.nspname, c.relname)]
    || array(
      select a.attname::text
      from pg_index i
      cross join lateral unnest(i.indkey::smallint[]) with ordinality as k (attnum, position)
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
      where i.indrelid = relation and i.indisprimary and k.position <= i.indnkeyatts
      order by k.position)
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  where c.oid = coalesce(pg_partition_root(relation), relation)
$$;

-- describe_table(), remembered for the transaction in a setting of that transaction: asking the
-- catalogs for each row would double what a row trigger costs.
create function @schema@.described_table(relation oid) returns text[]
language plpgsql
as $$
declare
  setting constant text := 'pgwatch.table_' || relation;
  described text[] := nullif(current_setting(setting, true), '')::text[];
begin
  if described is null then
    described := @schema@.describe_table(relation);
    perform set_config(setting, described::text, true);
  end if;
  return described;
end
$$;

-- The record id: the primary key's value, an object when it has several columns, the column "id"
-- when there is no primary key, else null.
-- (plpgsql, here and below: a SQL function with a subquery costs three times as much to call.)
create function @schema@.record_id(described text[], data jsonb) returns jsonb
language plpgsql immutable
as $$
begin
  case cardinality(described)
    when 4 then return data -> described[4];
    when 3 then return data -> 'id';
    else return (
      select jsonb_object_agg(name, data -> name) from unnest(described[4:]) as name
      where data is not null);
  end case;
end
$$;

-- The key: schema.table:id, for tables with a primary key; null without one.
create function @schema@.record_key(described text[], data jsonb) returns text
language plpgsql immutable
as $$
begin
  case cardinality(described)
    when 4 then return described[3] || (data ->> described[4]);
    when 3 then return null;
    else return described[3] || (
      select jsonb_agg(data -> name order by position)::text
      from unnest(described[4:]) with ordinality as k (name, position)
      where data is not null);
  end case;
end
$$;

-- Who made a change: the settings app.user_id and app.session_id (null when unset), and the
-- transaction. As in the original.
create function @schema@.change_metadata() returns jsonb
language plpgsql
as $$
begin
  return jsonb_build_object(
    'user_id', nullif(current_setting('app.user_id', true), ''),
    'session_id', nullif(current_setting('app.session_id', true), ''),
    'transaction_id', txid_current());
end
$$;

-- A row as JSON, column by column, for rows that to_jsonb() refuses: a json column with \u0000, a
-- text of more than 256 MB, a cast that fails. A value that cannot be JSON becomes its text, or
-- null when even that is too large.
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

-- The payload of a captured change.
create function @schema@.change_payload(
  described text[], action text, old_data jsonb, new_data jsonb
) returns jsonb
language plpgsql
as $$
begin
  return jsonb_build_object(
    'schema', described[1], 'table', described[2], 'action', action,
    'id', @schema@.record_id(described, coalesce(new_data, old_data)),
    'old_data', old_data, 'new_data', new_data,
    'metadata', @schema@.change_metadata());
end
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

-- The trigger function users name: captures a row change, as
--   create trigger … after insert or update or delete on users
--   for each row execute function notify_data_change();
-- An argument names another channel than data_change. For each statement (as TRUNCATE needs), it
-- notes the statement, without rows. Never fails the user's statement because of a row's content:
-- what cannot be captured whole is captured in part. Runs with the writer's rights.
create function @functions_schema@.notify_data_change() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  described text[];
  key text;
  old_data jsonb;
  new_data jsonb;
  payload jsonb;
  reason text;
begin
  if tg_table_schema = @schema_name@ then  -- the log of the log would have no end
    return coalesce(new, old);
  end if;
  begin
    described := @schema@.described_table(tg_relid);
    if tg_level = 'ROW' then
      if tg_op <> 'INSERT' then old_data := to_jsonb(old); end if;
      if tg_op <> 'DELETE' then new_data := to_jsonb(new); end if;
      key := @schema@.record_key(described, coalesce(new_data, old_data));
    end if;
    payload := @schema@.change_payload(described, tg_op, old_data, new_data);
  exception when others then
    reason := sqlerrm;
    described := @schema@.describe_table(tg_relid);
    if tg_op <> 'INSERT' then
      old_data := @schema@.row_to_jsonb_leniently(old, tg_relid);
    end if;
    if tg_op <> 'DELETE' then
      new_data := @schema@.row_to_jsonb_leniently(new, tg_relid);
    end if;
    key := @schema@.record_key(described, coalesce(new_data, old_data));
    payload := @schema@.change_payload_in_part(described, tg_op, old_data, new_data, reason);
  end;
  perform @schema@.append(coalesce(tg_argv[0], 'data_change'), key, payload, false);
  return coalesce(new, old);
end
$$;
comment on function @functions_schema@.notify_data_change() is
  'pgwatch: trigger function that writes each row change to the log';

-- Captures all rows of an INSERT or DELETE statement at once, from a transition table that must be
-- named pgwatch_rows; 40 % cheaper than a row trigger in bulk. Created by createTriggerForTable().
-- Its argument is the channel. Runs with the writer's rights; a statement with a row that
-- to_jsonb() refuses is captured again, row by row.
create function @schema@.capture_statement() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  described constant text[] := @schema@.described_table(tg_relid);
  metadata constant jsonb := @schema@.change_metadata();
  deleted constant boolean := tg_op = 'DELETE';
  captured record;
  data jsonb;
begin
  -- A block with an exception clause is a subtransaction: what was appended before the failure is
  -- rolled back with it.
  begin
    perform @schema@.append_many(tg_argv[0], array_agg(c.key), array_agg(c.payload))
    from (
      select
        (row_number() over () - 1) / 1000 as portion,
        @schema@.record_key(described, r.data) as key,
        jsonb_build_object(
          'schema', described[1], 'table', described[2], 'action', tg_op,
          'id', @schema@.record_id(described, r.data),
          'old_data', case when deleted then r.data end,
          'new_data', case when not deleted then r.data end,
          'metadata', metadata) as payload
      -- offset 0: convert each row once, not once for each mention of it.
      from (select to_jsonb(t) as data from pgwatch_rows t offset 0) r
    ) c
    group by c.portion
    order by c.portion;
    return null;
  exception
    when invalid_parameter_value then raise;
    when others then null;
  end;
  for captured in select t as changed from pgwatch_rows t loop
    begin
      data := to_jsonb(captured.changed);
      perform @schema@.append(
        tg_argv[0], @schema@.record_key(described, data),
        @schema@.change_payload(
          described, tg_op,
          case when deleted then data end, case when not deleted then data end),
        false);
    exception when others then
      data := @schema@.row_to_jsonb_leniently(captured.changed, tg_relid);
      perform @schema@.append(
        tg_argv[0], @schema@.record_key(described, data),
        @schema@.change_payload_in_part(
          described, tg_op,
          case when deleted then data end, case when not deleted then data end, sqlerrm),
        false);
    end;
  end loop;
  return null;
end
$$;
