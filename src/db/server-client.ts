import { Socket } from 'node:net';
import pg from 'pg';
import { PgwatchError } from '../errors.ts';
import { redactUrl } from '../redact.ts';
import { Servers } from './servers.ts';
import { SilenceWatch } from './silence-watch.ts';
import { codeOf, SQLSTATE } from './sqlstate.ts';

export interface ClientOptions {
  readonly servers: Servers;
  /**
   * After this long without a byte while a statement is unanswered, the connection is ended.
   * Milliseconds. Undefined: never.
   */
  readonly silenceMs?: number | undefined;
  /** Whether, before that, the server is asked if it is still at work on the statement. */
  readonly mayTakeLonger?: boolean;
  /**
   * Whether statements that have a name are prepared. Poolers in transaction mode that are older
   * than PgBouncer 1.21 know nothing of those. Default: true.
   */
  readonly preparedStatements?: boolean;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** Idle this long, the system asks the other side whether it is still there. */
const KEEP_ALIVE_AFTER_MS = 10_000;
const ASK_TIMEOUT_MS = 5_000;

/** How every connection of pgwatch is made. */
export class ServerClient extends pg.Client {
  readonly #socket: Socket;
  readonly #servers: Servers;
  /** Where it connects to. */
  readonly #url: string;
  #connected = false;
  /** As the server announced it. */
  #dateStyle = 'ISO';

  constructor(options: ClientOptions) {
    const { servers } = options;
    const socket = new Socket();
    const url = servers.next;
    super({ ...connectionOptions(url), stream: () => socket });
    this.#socket = socket;
    this.#servers = servers;
    this.#url = url;
    this.connection.on(
      'parameterStatus',
      (told: { parameterName: string; parameterValue: string }) => {
        if (told.parameterName === 'DateStyle') this.#dateStyle = told.parameterValue;
      },
    );
    this.#passOverIfUnreachable();
    // One that breaks between two statements: whoever runs the next one sees it.
    this.on('error', () => {});
    this.#intercept(options);
  }

  /** Connects to a primary. @throws DATABASE_STANDBY, or why there is no connection */
  async open(): Promise<void> {
    await this.connect();
    await this.prepare();
  }

  /** What comes first on a new connection. @throws DATABASE_STANDBY */
  async prepare(): Promise<void> {
    await this.#assertPrimary();
    // pg makes null of times that are written otherwise. The order of day and month stays.
    if (!this.#dateStyle.startsWith('ISO')) await this.query(`set datestyle = 'ISO'`);
  }

  /** @throws DATABASE_STANDBY */
  async #assertPrimary(): Promise<void> {
    const { rows } = await this.query<{ standby: boolean }>(
      'select pg_is_in_recovery() as standby',
    );
    if (rows[0]?.standby !== true) return;
    this.#servers.passOver(this.#url);
    this.leave();
    throw new PgwatchError('DATABASE_STANDBY', {
      what: `The server of ${redactUrl(this.#url)} is a standby.`,
      why: 'It takes no writes, and pgwatch writes its log and its cursors.',
      hint: 'Name the primary in the database URL, or all servers (postgres://user@host1,host2/database): pgwatch finds the primary among them. `pgwatch listen` waits for a promotion.',
    });
  }

  /** Says goodbye and waits for no answer: the other side may not be there to give one. */
  leave(): void {
    if (!this.#connected) {
      // Whoever awaits connect() would wait for ever after an end().
      this.#socket.destroy(new Error('the connection was closed before it stood'));
      return;
    }
    this.end().catch(() => {});
    this.#socket.destroySoon();
  }

  /** Before the error is told: whoever is told of it may try again at once. */
  #passOverIfUnreachable(): void {
    const passOver = () => this.#servers.passOver(this.#url);
    const events = ['error', 'errorMessage', 'end'];
    for (const event of events) this.connection.on(event, passOver);
    this.connection.once('readyForQuery', () => {
      this.#connected = true;
      for (const event of events) this.connection.off(event, passOver);
    });
  }

  /** Of every statement, whatever the way of asking: a promise, a callback, a Submittable. */
  #intercept({ silenceMs, mayTakeLonger = false, preparedStatements = true }: ClientOptions): void {
    const watch = silenceMs === undefined ? undefined : this.#watch(silenceMs, mayTakeLonger);
    const send = this.query;
    Object.assign(this, {
      query: (statement: unknown, ...others: unknown[]) => {
        watch?.begin();
        const sent = preparedStatements ? statement : unnamed(statement);
        return Reflect.apply(send, this, [sent, ...others]);
      },
    });
  }

  #watch(limitMs: number, mayTakeLonger: boolean): SilenceWatch {
    const watch = new SilenceWatch({
      limitMs,
      bytesRead: () => this.#socket.bytesRead,
      isAtWork: async () => mayTakeLonger && (await isAtWork(this.#url, announcedPid(this))),
      onSilence: () => this.#socket.destroy(new SilentServerError(limitMs)),
    });
    this.on('drain', () => watch.end());
    this.on('end', () => watch.close());
    return watch;
  }
}

/** A statement without its name is planned each time, and leaves nothing behind in the session. */
function unnamed(statement: unknown): unknown {
  const isNamed = typeof statement === 'object' && statement !== null && 'name' in statement;
  return isNamed && !('submit' in statement) ? { ...statement, name: undefined } : statement;
}

/** The server did not answer, and the connection was given up. */
export class SilentServerError extends Error {
  override readonly name = 'SilentServerError';
  readonly code = 'ETIMEDOUT';

  constructor(limitMs: number) {
    super(`the server has been silent for ${limitMs / 1000} s and owes an answer`);
  }
}

function connectionOptions(url: string): pg.ClientConfig {
  return {
    connectionString: url,
    application_name: 'pgwatch',
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    types: { getTypeParser },
  };
}

/** What the server said at the start; a pooler says a number of its own. */
export function announcedPid(client: object): unknown {
  return Reflect.get(client, 'processID');
}

/**
 * Whether that backend is at work on a statement: then its answer may come, however long it takes.
 * One that is idle has sent its answer, and the connection has swallowed it. One that waits for its
 * client, to read more of its answer or to send more of the statement, waits for us, who have done so.
 */
async function isAtWork(url: string, pid: unknown): Promise<boolean> {
  const client = new ServerClient({ servers: new Servers(url), silenceMs: ASK_TIMEOUT_MS });
  try {
    await client.connect();
    const { rows } = await client.query<{ yes: boolean }>(
      `select exists (
         select from pg_stat_activity
         where pid = $1 and state = 'active' and wait_event_type is distinct from 'Client') as yes`,
      [pid],
    );
    return rows[0]?.yes === true;
  } catch (error) {
    // It is there, and full: of its other sessions we know nothing.
    return codeOf(error) === SQLSTATE.tooManyConnections;
  } finally {
    client.leave();
  }
}

const INT8_OID = 20;

/** Ids as numbers: a bigserial reaches 2^53 after nine quadrillion rows. */
function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`bigint out of range: ${text}`);
  return value;
}

const getTypeParser: typeof pg.types.getTypeParser = (oid: number, format?: 'text' | 'binary') =>
  oid === INT8_OID && format !== 'binary' ? parseInt8 : pg.types.getTypeParser(oid, format);
