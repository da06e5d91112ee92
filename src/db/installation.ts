import type { Database } from './database.ts';
import type { MigrationScript } from './migration-script.ts';
import type { MigrationChange, MigrationState, MigrationTarget } from './migration-steps.ts';
import { whileNobodyElseMigrates, withMigrationRunner } from './migrator.ts';
import { ownMigrations } from './own-migrations.ts';
import type { MigrationOwner } from './own-tables.ts';
import {
  assertFunctionsSchema,
  assertSchemaNotNewer,
  assertServerVersion,
} from './schema-check.ts';
import { assertFunctionsFree } from './taken-names.ts';

export interface InstallOptions {
  readonly db: Database;
  /** The project's own migrations, run after pgwatch's. */
  readonly projectScripts: readonly MigrationScript[];
  /** How far to take the project's; pgwatch's own only ever go to the latest. */
  readonly target: MigrationTarget;
  readonly onChange: (owner: MigrationOwner, change: MigrationChange) => void;
}

/**
 * Installs or upgrades pgwatch's schema, then moves the project's migrations to the target. Waits
 * for another process that does the same.
 * @throws DATABASE_VERSION_UNSUPPORTED, SCHEMA_NEWER, FUNCTIONS_SCHEMA_MISSING, FUNCTIONS_TAKEN,
 *   MIGRATION_FAILED, MIGRATION_UNKNOWN, MIGRATION_OUT_OF_ORDER
 */
export async function install({ db, projectScripts, target, onChange }: InstallOptions) {
  await assertServerVersion(db);
  await whileNobodyElseMigrates(db.sessionServers, db.names, async () => {
    await assertSchemaNotNewer(db);
    await assertFunctionsSchema(db);
    await assertFunctionsFree(db);
    const own = await ownMigrations(db.names);
    await withMigrationRunner(db.sessionServers, db.names, async (runner) => {
      await runner.run('pgwatch', own, { kind: 'latest' }, (change) => onChange('pgwatch', change));
      await runner.run('project', projectScripts, target, (change) => onChange('project', change));
    });
  });
}

/** Which migrations are applied, pending, or gone although they are applied. Changes nothing. */
export async function installationState(
  db: Database,
  projectScripts: readonly MigrationScript[],
): Promise<Record<MigrationOwner, readonly MigrationState[]>> {
  const own = await ownMigrations(db.names);
  return withMigrationRunner(db.sessionServers, db.names, async (runner) => ({
    pgwatch: await runner.state('pgwatch', own),
    project: await runner.state('project', projectScripts),
  }));
}
