import { randomBytes } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import { announcedPid } from '../../db/server-client.ts';
import { codeOf } from '../../db/sqlstate.ts';
import { redactUrl } from '../../redact.ts';
import type { Finding, Patient } from './finding.ts';

const CHECK = 'pooler';

/** Whether a pooler stands in between: the process that answers is not the one that said hello. */
export async function checkPooler({ db, settings }: Patient): Promise<readonly Finding[]> {
  if (!(await isPooled(db.pool))) {
    return [{ check: CHECK, severity: 'ok', what: 'Nothing is in between: no pooler.' }];
  }
  const through = `A pooler is in between (${redactUrl(db.url)}).`;
  if (!settings.preparedStatements) return [{ check: CHECK, severity: 'ok', what: through }];
  const keeps = await keepsStatements(db.pool);
  if (keeps === true) {
    return [{ check: CHECK, severity: 'ok', what: `${through} It keeps prepared statements.` }];
  }
  return [
    {
      check: CHECK,
      severity: keeps === false ? 'problem' : 'note',
      what: `${through} Statements are prepared by name${keeps === false ? ', and it loses them' : '; whether it keeps them could not be found out'}.`,
      why: 'In transaction mode PgBouncer knows those from 1.21 on, while its max_prepared_statements is not 0.',
      mend: [
        '-- in the configuration of pgwatch:',
        'preparedStatements: false',
        '-- or in pgbouncer.ini, from 1.21 on:',
        'max_prepared_statements = 200',
      ],
    },
  ];
}

async function isPooled(pool: Pool): Promise<boolean> {
  const client = await pool.connect();
  try {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    return rows[0]?.pid !== announcedPid(client);
  } finally {
    client.release();
  }
}

const INVALID_STATEMENT_NAME = '26000';
/** Sessions that are taken to find the one in which the statement was prepared. */
const TAKEN_AT_MOST = 5;

/**
 * Prepares a statement by name, takes the server's session away, and runs it again in another.
 * @returns undefined when it ran in the same one
 */
async function keepsStatements(pool: Pool): Promise<boolean | undefined> {
  // A name of its own each time: the server's sessions outlive this look, and with them the statement.
  const name = `pgwatch_doctor_${randomBytes(6).toString('hex')}`;
  const statement = { name, text: 'select pg_backend_pid() as pid' };
  const client = await pool.connect();
  const holders: PoolClient[] = [];
  try {
    const first = (await client.query<{ pid: number }>(statement)).rows[0]?.pid;
    while (holders.length < Math.min(TAKEN_AT_MOST, pool.options.max - 1)) {
      const holder = await pool.connect();
      holders.push(holder);
      await holder.query('begin');
      const { rows } = await holder.query<{ pid: number }>('select pg_backend_pid() as pid');
      if (rows[0]?.pid === first) break;
    }
    const second = (await client.query<{ pid: number }>(statement)).rows[0]?.pid;
    return second === first ? undefined : true;
  } catch (error) {
    if (codeOf(error) === INVALID_STATEMENT_NAME) return false;
    throw error;
  } finally {
    for (const holder of holders) {
      await holder.query('rollback').catch(() => {});
      holder.release();
    }
    client.release(true);
  }
}
