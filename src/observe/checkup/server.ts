import { type Queryable, query } from '../../db/queryable.ts';
import type { Finding, Patient } from './finding.ts';
import { findSetting, settingMend } from './setting-source.ts';

const CHECK = 'server';
const READ_ONLY = 'default_transaction_read_only';

/** Settings of the server that keep pgwatch from its work, or its promises from holding. */
export async function checkServer({ db }: Patient): Promise<readonly Finding[]> {
  const findings = [
    ...(await readOnly(db.pool)),
    ...(await withoutStandby(db.pool)),
    ...(await unsafe(db.pool)),
    ...(await notifyQueue(db.pool)),
  ];
  if (findings.length > 0) return findings;
  const what = 'The server takes writes and keeps them; its queue of NOTIFYs is empty enough.';
  return [{ check: CHECK, severity: 'ok', what }];
}

async function readOnly(db: Queryable): Promise<Finding[]> {
  const found = await findSetting(db, READ_ONLY);
  if (found?.value !== 'on') return [];
  const mend = settingMend(found, 'off');
  return [
    {
      check: CHECK,
      severity: 'problem',
      what: `Transactions are read-only by default (${found.source}).`,
      why: 'Cursors cannot be stored, so what is handled comes again.',
      // In the session that mends it, too.
      mend: found.source === 'client' ? mend : [`set ${READ_ONLY} = off;`, ...mend],
    },
  ];
}

/** Every commit waits for ever, those of consumers too. */
async function withoutStandby(db: Queryable): Promise<Finding[]> {
  const [row] = await query<{ names: string }>(
    db,
    `select current_setting('synchronous_standby_names') as names
     where current_setting('synchronous_standby_names') <> ''
       and current_setting('synchronous_commit') not in ('off', 'local')
       and not exists (select from pg_stat_replication)`,
    [],
  );
  if (row === undefined) return [];
  return [
    {
      check: CHECK,
      severity: 'problem',
      what: `Commits wait for a standby (synchronous_standby_names = ${row.names}), and none is connected.`,
      why: 'Nothing that is written becomes visible, and no cursor is stored.',
      mend: [
        '-- bring the standby back, or do without it:',
        'alter system reset synchronous_standby_names;',
        'select pg_reload_conf();',
      ],
    },
  ];
}

async function unsafe(db: Queryable): Promise<Finding[]> {
  const rows = await query<{ name: string }>(
    db,
    `select name from pg_settings where name in ('fsync', 'full_page_writes') and setting = 'off'`,
    [],
  );
  return rows.map(({ name }) => ({
    check: CHECK,
    severity: 'warning',
    what: `${name} is off.`,
    why: 'A crash of the machine can leave the log and the cursors broken, or without what was committed.',
    mend: [`alter system set ${name} = on;`, 'select pg_reload_conf();'],
  }));
}

async function notifyQueue(db: Queryable): Promise<Finding[]> {
  const [row] = await query<{ usage: number }>(
    db,
    'select pg_notification_queue_usage() as usage',
    [],
  );
  return queueFindings(row?.usage ?? 0);
}

const QUEUE_WARNING = 0.1;
const QUEUE_PROBLEM = 0.5;

/** @param usage 0 to 1 */
export function queueFindings(usage: number): Finding[] {
  if (usage < QUEUE_WARNING) return [];
  return [
    {
      check: 'notify queue',
      severity: usage < QUEUE_PROBLEM ? 'warning' : 'problem',
      what: `The server's queue of NOTIFYs is ${Math.round(usage * 100)} % full.`,
      why: 'When it is full, every NOTIFY fails, and with it the transaction of smart_notify() or of a captured change. A session that LISTENs and stays in one transaction holds it up.',
      mend: [
        `select pg_terminate_backend(pid) from pg_stat_activity where state like 'idle in transaction%' and xact_start < now() - interval '10 minutes';`,
      ],
    },
  ];
}
