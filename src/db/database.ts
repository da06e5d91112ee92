import { Kysely, PostgresDialect } from 'kysely';
import type pg from 'pg';
import { type Names, namesOf } from './names.ts';
import { ServerPool } from './server-pool.ts';
import { Servers } from './servers.ts';
import type { Tables } from './tables.ts';

/** A database with an installation of pgwatch in it (or about to get one). */
export interface Database {
  readonly url: string;
  /** Where LISTEN and migrations go, when that is somewhere else. */
  readonly listenUrl: string | undefined;
  readonly servers: Servers;
  /** For what needs a session of its own: LISTEN, advisory locks, migrations. */
  readonly sessionServers: Servers;
  readonly names: Names;
  /** For what is measured in microseconds: named statements, rows as arrays. */
  readonly pool: pg.Pool;
  /** For everything else; the same pool, pgwatch's schema. */
  readonly kysely: Kysely<Tables>;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly url: string;
  /** Which server of `url` is the primary, as another pool knows it. Default: found out anew. */
  readonly servers?: Servers;
  readonly schema: string;
  readonly functionsSchema: string;
  /** Connections at the most. */
  readonly poolSize: number;
  /** How long somebody waits for a connection while all are lent out. Default: for ever. */
  readonly poolWaitSeconds?: number;
  /** Told when an idle connection breaks; the pool replaces it on its own. */
  readonly onIdleError?: (error: Error) => void;
  /**
   * How long a connection may be silent while the server owes an answer and is not at work on it.
   * Default: 30.
   */
  readonly queryTimeoutSeconds?: number;
  /**
   * For what needs a session of its own, where `url` is a pooler's. Default: `url`.
   */
  readonly listenUrl?: string | undefined;
  /** Whether the pool may prepare named statements. Default: true. */
  readonly preparedStatements?: boolean;
}

/** Opens a pool; connects only when first used. The caller closes it. */
export function openDatabase(options: DatabaseOptions): Database {
  const names = namesOf(options.schema, options.functionsSchema);
  const servers = options.servers ?? new Servers(options.url);
  const pool = new ServerPool({
    servers,
    silenceMs: (options.queryTimeoutSeconds ?? 30) * 1000,
    mayTakeLonger: true,
    preparedStatements: options.preparedStatements ?? true,
    max: options.poolSize,
    waitMs: options.poolWaitSeconds === undefined ? undefined : options.poolWaitSeconds * 1000,
    onIdleError: options.onIdleError,
  });
  const kysely = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  return {
    url: options.url,
    listenUrl: options.listenUrl,
    servers,
    sessionServers: options.listenUrl === undefined ? servers : new Servers(options.listenUrl),
    names,
    pool,
    kysely: kysely.withSchema(names.schema),
    close: () => pool.close(),
  };
}
