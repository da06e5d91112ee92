import { qualified } from '../../db/names.ts';
import { query } from '../../db/queryable.ts';
import type { Finding, Patient } from './finding.ts';
import { spanText } from './span.ts';

const CHECK = 'clock';
const SKEW_SECONDS = 5;
const ROWS_LOOKED_AT = 10_000;
/** What a search by time allows for; see id-range.ts. */
const BACKWARDS_SECONDS = 60;

/** Whether this machine's clock, the server's and the times in the log go together. */
export async function checkClock({ db }: Patient): Promise<readonly Finding[]> {
  const findings = [...(await skew(db)), ...(await timesOfTheLog(db))];
  if (findings.length > 0) return findings;
  const what =
    "This machine's clock and the server's agree, and ids and times of the log run together.";
  return [{ check: CHECK, severity: 'ok', what }];
}

async function skew({ pool }: Patient['db']): Promise<Finding[]> {
  const began = Date.now();
  const [row] = await query<{ now: number }>(
    pool,
    `select date_part('epoch', clock_timestamp()) * 1000 as now`,
    [],
  );
  const ended = Date.now();
  return skewFindings(((row?.now ?? ended) - (began + ended) / 2) / 1000, (ended - began) / 2000);
}

/**
 * @param seconds how far the server's clock is ahead of this machine's
 * @param uncertainty of that, in seconds
 */
export function skewFindings(seconds: number, uncertainty: number): Finding[] {
  if (Math.abs(seconds) - uncertainty < SKEW_SECONDS) return [];
  return [
    {
      check: CHECK,
      severity: 'warning',
      what: `The server's clock is ${spanText(Math.abs(seconds))} ${seconds > 0 ? 'ahead of' : 'behind'} this machine's.`,
      why: "Leases, retries and ages such as --since 15m go by the server's clock; but handlers, logs and traces tell this machine's.",
      mend: ['timedatectl set-ntp true   # on the machine whose clock is wrong'],
    },
  ];
}

async function timesOfTheLog({ pool, names }: Patient['db']): Promise<Finding[]> {
  const [row] = await query<{ ahead: number | null; backwards: number | null }>(
    pool,
    `select max(date_part('epoch', created_at - clock_timestamp())) as ahead,
            max(date_part('epoch', before - created_at)) as backwards
     from (
       select created_at,
              max(created_at) over (order by id rows between unbounded preceding and 1 preceding) as before
       from (
         select id, created_at from ${qualified(names, 'notification_log')} order by id desc limit $1
       ) newest
     ) times`,
    [ROWS_LOOKED_AT],
  );
  const { ahead, backwards } = { ahead: row?.ahead ?? 0, backwards: row?.backwards ?? 0 };
  const mend = [
    '-- until then choose by id (--id) instead of by time; what is newer than the wrong times stays longer',
  ];
  if (ahead > SKEW_SECONDS) {
    return [
      {
        check: CHECK,
        severity: 'warning',
        what: `The log has notifications of the future, up to ${spanText(ahead)} ahead: the server's clock was set back.`,
        why: 'Clean-up, --since and --until go by these times.',
        mend,
      },
    ];
  }
  if (backwards <= BACKWARDS_SECONDS) return [];
  return [
    {
      check: CHECK,
      severity: 'note',
      what: `In the newest ${ROWS_LOOKED_AT} notifications, one with a higher id is up to ${spanText(backwards)} older than one with a lower id.`,
      why: "The server's clock was set back, or writers were held up. A search by time looks for what it means within a minute.",
      mend,
    },
  ];
}
