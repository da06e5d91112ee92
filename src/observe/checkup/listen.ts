import type { Database } from '../../db/database.ts';
import { PgwatchError } from '../../errors.ts';
import { redactUrl } from '../../redact.ts';
import { ListenSession } from '../../wake/listen-session.ts';
import { WakeProof } from '../../wake/wake-proof.ts';
import { failed } from './connection.ts';
import type { Finding, Patient } from './finding.ts';

const CHECK = 'listen';

/** Sends itself a NOTIFY on the pool's side, and hears it by LISTEN, as every daemon does. */
export async function checkListen({ db, settings }: Patient): Promise<readonly Finding[]> {
  if (settings.wake === 'poll') {
    const what = "Daemons of this configuration do not LISTEN (wake: 'poll').";
    return [{ check: CHECK, severity: 'ok', what }];
  }
  try {
    await hearOurselves(db);
  } catch (error) {
    if (error instanceof PgwatchError) return [failed(CHECK, error)];
    const reason = error instanceof Error ? error.message : String(error);
    return [
      {
        check: CHECK,
        severity: 'problem',
        what: `LISTEN through ${redactUrl(db.listenUrl ?? db.url)} does not work: ${reason}`,
        why: 'No daemon would be woken.',
        mend: ["Correct listenUrl (PGWATCH_LISTEN_URL, --listen-url); or set wake: 'poll'."],
      },
    ];
  }
  const { daemons, doorkeeper } = await findDaemons(db);
  const who =
    daemons === 0
      ? 'No process listens.'
      : `${daemons} ${daemons === 1 ? 'process listens' : 'processes listen'}${doorkeeper === undefined ? '' : `; the session of the doorkeeper is process ${doorkeeper} of the server`}.`;
  return [{ check: CHECK, severity: 'ok', what: `What is notified is heard by LISTEN. ${who}` }];
}

async function hearOurselves(db: Database): Promise<void> {
  const proof = new WakeProof();
  const stop = new AbortController();
  const session = await ListenSession.open(db.sessionServers, db.names, stop.signal, (payload) =>
    proof.hear(payload),
  );
  try {
    await proof.demand(db, () => session.ping(), session.ended);
  } finally {
    session.close();
  }
}

async function findDaemons({ pool, names }: Database) {
  const { rows } = await pool.query<{ daemons: number; doorkeeper: number | null }>(
    `select count(*) filter (where objid = ($2::bigint & 4294967295)::oid)::int as daemons,
            min(pid) filter (where objid = ($3::bigint & 4294967295)::oid) as doorkeeper
     from pg_locks
     where locktype = 'advisory' and granted and objsubid = 2
       and database = (select oid from pg_database where datname = current_database())
       and classid = ($1::bigint & 4294967295)::oid`,
    [names.lockClass, names.presenceLock, names.doorkeeperLock],
  );
  return { daemons: rows[0]?.daemons ?? 0, doorkeeper: rows[0]?.doorkeeper ?? undefined };
}
