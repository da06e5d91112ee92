import { type Names, quoteIdentifier } from '../db/names.ts';
import { ServerClient } from '../db/server-client.ts';
import type { Servers } from '../db/servers.ts';
import { codeOf, SQLSTATE } from '../db/sqlstate.ts';

/** Any statement of this session takes milliseconds; one that takes so long has lost its server. */
const SILENCE_MS = 10_000;

/**
 * The one session that LISTENs, and that holds the advisory locks of a doorkeeper. Never through a
 * pooler that gives sessions away.
 */
export class ListenSession {
  readonly client: ServerClient;
  readonly #names: Names;
  readonly #ended = new AbortController();

  private constructor(client: ServerClient, names: Names) {
    this.client = client;
    this.#names = names;
    const end = (reason: unknown) => this.#ended.abort(reason);
    client.on('error', end);
    client.on('end', () => end(new Error('the server closed the LISTEN session')));
  }

  /**
   * Connects and LISTENs.
   * @param signal closes it, also while it waits for the server
   * @param onNotification given the payload and the sender's backend pid
   */
  static async open(
    servers: Servers,
    names: Names,
    signal: AbortSignal,
    onNotification: (payload: string, senderPid: number) => void,
  ): Promise<ListenSession> {
    const client = new ServerClient({ servers, silenceMs: SILENCE_MS });
    const session = new ListenSession(client, names);
    const close = () => session.close();
    signal.addEventListener('abort', close);
    session.ended.addEventListener('abort', () => signal.removeEventListener('abort', close));
    client.on('notification', ({ payload = '', processId }) => onNotification(payload, processId));
    try {
      await client.open();
      await client.query(`listen ${quoteIdentifier(names.schema)}`);
      return session;
    } catch (error) {
      session.close();
      throw error;
    }
  }

  /** Aborted when the session is over; the reason says why. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** Rings on the doorbell's channel. An empty text stands for every channel. */
  async notify(channels: readonly string[]): Promise<void> {
    await this.client.query('select pg_notify($1, channel) from unnest($2::text[]) as channel', [
      this.#names.schema,
      channels,
    ]);
  }

  async tryLock(lock: number): Promise<boolean> {
    return this.#boolean('select pg_try_advisory_lock($1, $2) as yes', lock);
  }

  async unlock(lock: number): Promise<void> {
    await this.#boolean('select pg_advisory_unlock($1, $2) as yes', lock);
  }

  async lockShared(lock: number): Promise<void> {
    await this.client.query('select pg_advisory_lock_shared($1, $2)', [
      this.#names.lockClass,
      lock,
    ]);
  }

  /** Whether another session holds this lock. */
  async othersHold(lock: number): Promise<boolean> {
    return this.#boolean(`select exists (${this.#otherHolders('select')}) as yes`, lock);
  }

  /**
   * Ends the sessions of others that hold this lock. False: there are none, or they are not ours to
   * end, being of another role; any role can take any advisory lock.
   */
  async terminateHolders(lock: number): Promise<boolean> {
    return this.#boolean(
      `select coalesce(bool_or(ended), false) as yes
       from (${this.#otherHolders('select pg_terminate_backend(pid) as ended')}) holders`,
      lock,
    ).catch((error: unknown) => {
      if (codeOf(error) === SQLSTATE.insufficientPrivilege) return false;
      throw error;
    });
  }

  /** Rings carry nothing that must survive a crash, so they need not wait for the disk. */
  async commitAsynchronously(): Promise<void> {
    await this.client.query('set synchronous_commit = off');
  }

  async backendPid(): Promise<number> {
    const { rows } = await this.client.query<{ pid: number }>('select pg_backend_pid() as pid');
    return rows[0]?.pid ?? 0;
  }

  async ping(): Promise<void> {
    await this.client.query('select');
  }

  /** Ends the session at once; its locks go with it. */
  close(): void {
    this.#ended.abort(new Error('the LISTEN session was closed'));
    this.client.leave();
  }

  /** Rows of pg_locks for the lock ($1, $2). The columns are of type oid, which is unsigned. */
  #otherHolders(select: string): string {
    return `
      ${select} from pg_locks
      where locktype = 'advisory' and granted and objsubid = 2 and pid <> pg_backend_pid()
        and database = (select oid from pg_database where datname = current_database())
        and classid = ($1::bigint & 4294967295)::oid and objid = ($2::bigint & 4294967295)::oid`;
  }

  async #boolean(text: string, lock: number): Promise<boolean> {
    const { rows } = await this.client.query<{ yes: boolean }>(text, [this.#names.lockClass, lock]);
    return rows[0]?.yes === true;
  }
}
