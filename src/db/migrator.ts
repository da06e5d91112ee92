import { setTimeout as delay } from 'node:timers/promises';
import {
  CompiledQuery,
  Kysely,
  type Migration,
  type MigrationResultSet,
  Migrator,
  NO_MIGRATIONS,
  PostgresDialect,
  sql,
} from 'kysely';
import { PgwatchError } from '../errors.ts';
import { appliedMigrations } from './migration-bookkeeping.ts';
import { migrationFailed } from './migration-failure.ts';
import type { MigrationScript, MigrationStep } from './migration-script.ts';
import {
  type MigrationChange,
  type MigrationState,
  type MigrationTarget,
  stateOf,
  stepsTo,
} from './migration-steps.ts';
import { type Names, quoteLiteral } from './names.ts';
import { BOOKKEEPING, type MigrationOwner } from './own-tables.ts';
import { ServerClient } from './server-client.ts';
import { ServerPool } from './server-pool.ts';
import type { Servers } from './servers.ts';
import { codeOf, SQLSTATE } from './sqlstate.ts';

/**
 * A migration waits at most this long for a table lock, because everybody who comes later to that
 * table waits behind it; then it steps back, lets the writers through and tries again.
 */
const LOCK_TIMEOUT_MS = 2_000;
const LOCK_ATTEMPTS = 15;
const LOCK_PAUSE_MS = 2_000;

/**
 * Runs a task while no other `pgwatch migrate` of this installation runs; waits for it to end.
 * The lock is a session's, so a migration that dies gives it back.
 */
export async function whileNobodyElseMigrates<T>(
  servers: Servers,
  names: Names,
  task: () => Promise<T>,
): Promise<T> {
  const client = new ServerClient({ servers });
  await client.open();
  try {
    await client.query('select pg_advisory_lock($1, $2)', [names.lockClass, names.migrationLock]);
    return await task();
  } finally {
    client.leave();
  }
}

/** Opens a connection for migrations, lends it and closes it. */
export async function withMigrationRunner<T>(
  servers: Servers,
  names: Names,
  task: (runner: MigrationRunner) => Promise<T>,
): Promise<T> {
  const kysely = new Kysely<unknown>({ dialect: migrationDialect(servers) });
  try {
    return await task(new MigrationRunner(kysely, names));
  } finally {
    await kysely.destroy();
  }
}

/**
 * One connection that waits for locks no longer than a migration may. A migration may take as long
 * as it takes.
 */
export function migrationDialect(servers: Servers): PostgresDialect {
  return new PostgresDialect({
    pool: new ServerPool({ servers, max: 1, idleTimeoutMillis: 0 }),
    // Not as a start-up option: poolers refuse those.
    onCreateConnection: async (connection) => {
      await connection.executeQuery(CompiledQuery.raw(`set lock_timeout = ${LOCK_TIMEOUT_MS}`));
    },
  });
}

/** Applies migrations through Kysely's migrator; its bookkeeping stands in pgwatch's schema. */
export class MigrationRunner {
  readonly #kysely: Kysely<unknown>;
  readonly #names: Names;

  constructor(kysely: Kysely<unknown>, names: Names) {
    this.#kysely = kysely;
    this.#names = names;
  }

  async state(
    owner: MigrationOwner,
    scripts: readonly MigrationScript[],
  ): Promise<MigrationState[]> {
    const applied = await appliedMigrations(this.#kysely, this.#names.schema, owner);
    return stateOf(
      scripts.map(({ name }) => name),
      applied,
    );
  }

  /**
   * Moves to the target, each migration in a transaction of its own, so that locks are held briefly
   * and what succeeded stays.
   * @throws MIGRATION_FAILED with the migration's name and the database's error; MIGRATION_UNKNOWN
   *   when the file of one that was applied is gone, MIGRATION_OUT_OF_ORDER when a new one comes
   *   before one that was applied
   */
  async run(
    owner: MigrationOwner,
    scripts: readonly MigrationScript[],
    target: MigrationTarget,
    onChange: (change: MigrationChange) => void,
  ): Promise<void> {
    const steps = stepsTo(target, await this.state(owner, scripts));
    for (const step of steps) {
      await this.#patiently(step.name, () => {
        const migrator = this.#migrator(owner, scripts);
        return step.direction === 'up'
          ? migrator.migrateTo(step.name)
          : migrator.migrateTo(step.previous ?? NO_MIGRATIONS);
      });
      onChange(step);
    }
  }

  async #patiently(name: string, migrate: () => Promise<MigrationResultSet>): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const { error } = await migrate();
      if (error === undefined) return;
      if (codeOf(error) !== SQLSTATE.lockNotAvailable || attempt === LOCK_ATTEMPTS) {
        throw migrationFailed(name, error);
      }
      await delay(LOCK_PAUSE_MS);
    }
  }

  #migrator(owner: MigrationOwner, scripts: readonly MigrationScript[]): Migrator {
    const { table, lockTable } = BOOKKEEPING[owner];
    return new Migrator({
      db: this.#kysely,
      provider: { getMigrations: async () => migrationsOf(scripts) },
      migrationTableSchema: this.#names.schema,
      migrationTableName: table,
      migrationLockTableName: lockTable,
      // Where two were applied in the same millisecond: as everywhere else, not by the locale.
      nameComparator: (a, b) => (a < b ? -1 : 1),
    });
  }
}

function migrationsOf(scripts: readonly MigrationScript[]): Record<string, Migration> {
  return Object.fromEntries(
    scripts.map(({ name, up, down }) => [
      name,
      {
        up: (db) => runStep(db, up),
        down: async (db) => {
          if (down === undefined) {
            throw new PgwatchError('MIGRATION_INVALID', {
              what: `The migration "${name}" has no way down.`,
              hint: `Export a function "down" from it (or add ${name}.down.sql).`,
            });
          }
          await runStep(db, down);
        },
      } satisfies Migration,
    ]),
  );
}

/**
 * Runs one step in a transaction. SQL runs inside a block of PL/pgSQL, which refuses COMMIT: the
 * transaction is not the script's to end.
 */
export async function runStep(transaction: Kysely<unknown>, step: MigrationStep): Promise<void> {
  if (step.kind === 'function') {
    await step.run(transaction);
    return;
  }
  const block = `begin execute ${quoteLiteral(step.text)}; end`;
  await sql.raw(`do ${quoteLiteral(block)}`).execute(transaction);
}
