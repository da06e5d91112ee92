import { qualified } from '../../db/names.ts';
import { query } from '../../db/queryable.ts';
import { type ConsumerStatus, readConsumers } from '../consumer-status.ts';
import { readLogStatus } from '../log-status.ts';
import { reading } from '../reading.ts';
import type { Finding, Patient } from './finding.ts';
import { spanText } from './span.ts';

const CHECK = 'log';
const DAY_SECONDS = 86_400;

/** Whether somebody cleans up. */
export async function checkLogGrowth({ db, settings }: Patient): Promise<readonly Finding[]> {
  const { pool, names } = db;
  const { status, consumers, seconds } = await reading(pool, async (reader) => ({
    status: await readLogStatus(reader, names),
    consumers: await readConsumers(reader, names),
    seconds: (
      await query<{ seconds: number | null }>(
        reader,
        `select date_part('epoch', clock_timestamp() - created_at) as seconds
         from ${qualified(names, 'notification_log')} order by id limit 1`,
        [],
      )
    )[0]?.seconds,
  }));
  const size = `${status.rows} notifications, ${Math.round(status.bytes / 1024 / 1024)} MB`;
  const { cleanupDays } = settings;
  const age = seconds ?? 0;
  if (age <= 2 * cleanupDays * DAY_SECONDS || age < DAY_SECONDS) {
    return [{ check: CHECK, severity: 'ok', what: `The log has ${size}.` }];
  }
  const oldest = status.oldest?.getTime() ?? 0;
  const holders = consumers.filter(
    (one) =>
      one.dead > 0 ||
      one.pending === undefined ||
      (one.oldest !== undefined && one.oldest.getTime() - oldest < 60_000),
  );
  const held =
    holders.length === 0
      ? 'No consumer wants it any more.'
      : `What these have not handled, or have as dead letters, stays: ${holders.map(nameOf).join(', ')}.`;
  return [
    {
      check: CHECK,
      severity: 'warning',
      what: `The log has ${size}; its oldest notification is ${spanText(age)} old, more than twice what clean-up keeps (${cleanupDays} days).`,
      why: `Nobody seems to clean up, daily for instance. ${held}`,
      mend: [`pgwatch cleanup --days=${cleanupDays}`],
    },
  ];
}

function nameOf({ consumer, dead, pending }: ConsumerStatus): string {
  return dead === 0 && pending === undefined ? `perhaps ${consumer}` : consumer;
}
