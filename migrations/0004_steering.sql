-- How consumers are steered while daemons run them: paused, resumed, given something to replay.

-- paused_at: since when nobody is to run the consumer; null: it runs.
-- steered: raised by everybody who changes what a running daemon remembers of the consumer: paused_at,
-- or the rows of redelivery. A daemon that finds another number than it knew looks again.
alter table @schema@.consumer
  add column paused_at timestamptz,
  add column steered bigint not null default 0;
