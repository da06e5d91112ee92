-- The functions that applications call, directly or through triggers.
--
-- Who may do what: append() and append_many() are SECURITY DEFINER, because the roles that write
-- captured tables have no right on the log. What turns a row into JSON runs with the rights of the
-- role that writes it: to_jsonb() calls casts that any owner of a type can define, and those must
-- never run with the rights of pgwatch's owner.
--
-- Each function that others may call pins its search_path; the inner ones inherit it, because
-- setting it again would cost as much as what they do. One-line SQL functions are inlined by the
-- planner and cost nothing.

-- The doorbell: whether somebody is awake and will see what this transaction writes. If not, the
-- caller has to NOTIFY. To be asked after the insert into the log, in the same transaction. A
-- sleeping doorkeeper holds the doorbell lock exclusively; so whoever gets it shared knows that
-- nobody sleeps, and keeps it until its commit is visible. Shared locks conflict with nobody else's.
-- With the setting pgwatch.doorbell off nobody is rung: a transaction that has called NOTIFY cannot
-- be prepared for two-phase commit. Then a sleeping doorkeeper finds it at its next look, within 1 s.
create function @schema@.somebody_is_awake() returns boolean
language sql volatile
as $$
  select case
    when pg_catalog.lower(pg_catalog.current_setting('pgwatch.doorbell', true))
      in ('off', 'false', 'no', '0') then true
    else pg_catalog.pg_try_advisory_xact_lock_shared(@lock_class@, @doorbell_lock@)
  end
$$;
revoke execute on function @schema@.somebody_is_awake() from public;

-- What the setting pgwatch.broadcast says, which is not empty.
create function @schema@.broadcasts_as_set(by_default boolean) returns boolean
language plpgsql stable
as $$
begin
  return case lower(current_setting('pgwatch.broadcast', true))
    when 'on' then true when 'true' then true when 'yes' then true when '1' then true
    when 'off' then false when 'false' then false when 'no' then false when '0' then false
    else by_default
  end;
end
$$;
revoke execute on function @schema@.broadcasts_as_set(boolean) from public;

-- Whether to broadcast: the setting pgwatch.broadcast, else what the caller does by default.
create function @schema@.broadcasts(by_default boolean) returns boolean
language sql stable
as $$
  select case when pg_catalog.current_setting('pgwatch.broadcast', true) <> ''
    then @schema@.broadcasts_as_set(by_default)
    else by_default
  end
$$;
revoke execute on function @schema@.broadcasts(boolean) from public;

-- Sends NOTIFY on the channel itself, for programs that LISTEN there. An envelope of more than
-- 7,500 bytes (PostgreSQL takes less than 8,000, and counts bytes) goes without its data.
create function @schema@.broadcast(
  channel text, notification_id bigint, written_at timestamptz, payload jsonb
) returns void
language plpgsql
as $$
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
$$;
revoke execute on function @schema@.broadcast(text, bigint, timestamptz, jsonb) from public;

-- The channel, unless LISTEN could not take that name.
create function @schema@.valid_channel(channel text) returns text
language plpgsql immutable
as $$
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
$$;
revoke execute on function @schema@.valid_channel(text) from public;

-- Writes one notification. Called by smart_notify() and notify_data_change(). Returns its id.
-- Takes no lock but the doorbell's, shared, until the transaction ends. Identical NOTIFYs of one
-- transaction are sent once.
create function @schema@.append(channel text, key text, payload jsonb, broadcast_by_default boolean)
returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  notification_id bigint;
  written_at timestamptz;
  is_heard boolean;
  is_broadcast boolean;
begin
  -- What can be asked in one statement is: each more costs as much as writing an index entry.
  insert into @schema@.notification_log as log (channel, key, payload)
  values (
    case when octet_length(append.channel) between 1 and 63 then append.channel
      else @schema@.valid_channel(append.channel)
    end,
    append.key,
    coalesce(append.payload, 'null'))
  returning log.id, log.created_at, @schema@.somebody_is_awake(), @schema@.broadcasts(broadcast_by_default)
  into notification_id, written_at, is_heard, is_broadcast;
  if is_broadcast or not is_heard then
    if not is_heard then
      perform pg_notify(@doorbell_channel@, channel);
    end if;
    if is_broadcast then
      perform @schema@.broadcast(channel, notification_id, written_at, coalesce(payload, 'null'));
    end if;
  end if;
  return notification_id;
end
$$;

-- Writes many notifications of one channel, in the order of the arrays. Called by
-- capture_statement(). Broadcasts only when asked. Locks as append() does.
create function @schema@.append_many(channel text, keys text[], payloads jsonb[])
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform @schema@.valid_channel(channel);
  if @schema@.broadcasts(false) then
    for i in 1 .. cardinality(payloads) loop
      perform @schema@.append(channel, keys[i], payloads[i], false);
    end loop;
    return;
  end if;
  -- A scan of the arrays side by side keeps their order without a sort.
  insert into @schema@.notification_log (channel, key, payload)
  select append_many.channel, given.key, given.payload
  from rows from (unnest(keys), unnest(payloads)) as given (key, payload);
  if not @schema@.somebody_is_awake() then
    perform pg_notify(@doorbell_channel@, channel);
  end if;
end
$$;

-- The text of a payload; null when it has more than max_bytes, or more than PostgreSQL has room for.
-- Called by the fetches, for payloads that are not small.
create function @schema@.text_of(payload jsonb, max_bytes integer) returns text
language plpgsql stable
as $$
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
$$;
revoke execute on function @schema@.text_of(jsonb, integer) from public;

-- What users call: writes a notification and returns its id. Broadcasts unless told not to.
--   select smart_notify('orders', '{"event": "paid"}', key => 'order-17')
create function @functions_schema@.smart_notify(
  channel_name text,
  payload_data jsonb default '{}'::jsonb,
  key text default null
) returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return @schema@.append(channel_name, key, payload_data, true);
end
$$;
comment on function @functions_schema@.smart_notify(text, jsonb, text) is
  'pgwatch: writes a notification to the log and returns its id';

-- Said in so many words, because default privileges may have been revoked.
grant execute on function
  @functions_schema@.smart_notify(text, jsonb, text),
  @schema@.append(text, text, jsonb, boolean),
  @schema@.append_many(text, text[], jsonb[])
to public;
