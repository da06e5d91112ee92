-- Where a notification comes from, for tracing.

-- traceparent: the writer's place in a trace, as W3C Trace Context writes it
-- (https://www.w3.org/TR/trace-context/#traceparent-header), from the setting pgwatch.traceparent.
-- What is no traceparent is left out: tracing never fails a writer. Where the setting is not made,
-- this costs asking for it. (Two statements, because the first would give every row that is there
-- what the setting says now.)
alter table @schema@.notification_log add column traceparent text;
alter table @schema@.notification_log alter column traceparent set default
  pg_catalog.substring(
    pg_catalog.current_setting('pgwatch.traceparent', true),
    '^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$');

-- smart_notify() with the traceparent for this notification alone: the setting is put back for whatever
-- else the transaction writes. (Not by a SET clause, which only a superuser may write.)
create function @functions_schema@.smart_notify(
  channel_name text,
  payload_data jsonb,
  key text,
  traceparent text
) returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  before text := current_setting('pgwatch.traceparent', true);
  notification_id bigint;
begin
  perform set_config('pgwatch.traceparent', coalesce(traceparent, ''), true);
  notification_id := @schema@.append(channel_name, key, payload_data, true);
  perform set_config('pgwatch.traceparent', coalesce(before, ''), true);
  return notification_id;
end
$$;
comment on function @functions_schema@.smart_notify(text, jsonb, text, text) is
  'pgwatch: writes a notification with a traceparent to the log and returns its id';

-- Said in so many words, because default privileges may have been revoked.
grant execute on function @functions_schema@.smart_notify(text, jsonb, text, text) to public;
