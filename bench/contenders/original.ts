import { startWorker } from '../harness/worker.ts';
import { type Contender, fileOf, sinkEnvironment } from './contender.ts';

/**
 * What the Python package describes, in our words: a function writes a row to its log and NOTIFYs
 * with the payload where it fits; a row trigger calls that function; the consumer reads each row and
 * appends its own name to `processed_by`.
 */
export const original: Contender = {
  name: 'the original',
  async install({ client }) {
    await client.query(`
      create table original_log (
        id bigserial primary key,
        channel varchar(100) not null,
        payload jsonb not null,
        created_at timestamptz not null default now(),
        processed_by varchar(255)[] not null default '{}'
      )`);
    await client.query(`
      create index on original_log (channel);
      create index on original_log (created_at);
      create index on original_log (channel, id)`);
    await client.query(`
      create function original_notify(channel_name text, content jsonb) returns bigint
      language plpgsql as $$
      declare
        log_id bigint;
        envelope jsonb;
      begin
        insert into original_log (channel, payload) values (channel_name, content)
        returning id into log_id;
        envelope := jsonb_build_object(
          'notification_log_id', log_id, 'timestamp', extract(epoch from now()), 'data', content);
        if length(envelope::text) > 7500 then
          envelope := envelope - 'data' || '{"large_payload": true}';
        end if;
        perform pg_notify(channel_name, envelope::text);
        return log_id;
      end $$`);
    await client.query(`
      create function original_change() returns trigger language plpgsql as $$
      declare
        log_id bigint;
      begin
        select original_notify('data_change', jsonb_build_object(
          'table', tg_table_name, 'action', tg_op, 'id', coalesce(new.id, old.id),
          'old_data', case when tg_op <> 'INSERT' then to_jsonb(old) end,
          'new_data', case when tg_op <> 'DELETE' then to_jsonb(new) end,
          'metadata', jsonb_build_object(
            'user_id', current_setting('app.user_id', true),
            'session_id', current_setting('app.session_id', true),
            'transaction_id', txid_current()))) into log_id;
        return null;
      end $$`);
    await client.query(`
      create trigger on_change after insert or update or delete on changes
      for each row execute function original_change()`);
  },
  start: (site, options = {}) =>
    startWorker(site, { file: fileOf('original-worker.ts'), env: sinkEnvironment(options) }),
};
