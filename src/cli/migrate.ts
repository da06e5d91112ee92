import { grantRights, grantStatements, type RoleRights } from '../admin/rights.ts';
import { importModule } from '../config/load-module.ts';
import type { ResolvedConfig } from '../config/resolved-config.ts';
import type { Database } from '../db/database.ts';
import { install, installationState } from '../db/installation.ts';
import type { MigrationScript } from '../db/migration-script.ts';
import type { MigrationState, MigrationTarget } from '../db/migration-steps.ts';
import type { MigrationOwner } from '../db/own-tables.ts';
import { plannedSql } from '../db/planned-sql.ts';
import { projectMigrations } from '../db/project-migrations.ts';
import { PgwatchError } from '../errors.ts';
import { suggest } from '../suggest.ts';
import type { CommandContext, MigrateOptions } from './options.ts';
import { formatTable } from './output.ts';
import { withDatabase } from './with-database.ts';

const OWNER_LABELS = { pgwatch: 'pgwatch', project: 'project' } as const satisfies Record<
  MigrationOwner,
  string
>;

/** Why one that was applied is not there. */
const GONE_LABELS = {
  pgwatch: 'of a newer pgwatch',
  project: 'file missing',
} as const satisfies Record<MigrationOwner, string>;

/** Installs or upgrades pgwatch's schema, then runs the project's own migrations. */
export async function runMigrate(
  context: CommandContext,
  options: MigrateOptions,
): Promise<number> {
  const projectScripts = await scriptsOf(context.config);
  const target = targetOf(options, projectScripts);
  return withDatabase(context, 'database', async (db) => {
    if (options.status) return showStatus(context, db, projectScripts);
    if (options.dryRun) {
      context.output.write(await plannedSql(db, projectScripts, target));
      for (const statement of grantStatements(db.names, options.grants)) {
        context.output.write(`${statement};\n`);
      }
      return 0;
    }
    const changes = await migrate(context, db, projectScripts, target);
    if (changes === 0) context.output.write(await nothingDone(db, projectScripts));
    await grant(context, db, options.grants);
    return 0;
  });
}

async function nothingDone(db: Database, scripts: readonly MigrationScript[]): Promise<string> {
  const { project } = await installationState(db, scripts);
  const gone = project.filter(({ isGone }) => isGone).map(({ name }) => name);
  return gone.length === 0
    ? 'Nothing to migrate, everything is up to date.\n'
    : `Nothing to migrate, but what was applied has no file any more: ${gone.join(', ')}.\n`;
}

async function grant({ output }: CommandContext, db: Database, grants: RoleRights): Promise<void> {
  const granted = Object.entries(grants).filter(([, roles]) => roles.length > 0);
  if (granted.length === 0) return;
  await grantRights(db, grants);
  for (const [right, roles] of granted) output.write(`granted  ${right}  ${roles.join(', ')}\n`);
}

/** Brings everything to the latest, for `listen --migrate`; silent when there is nothing to do. */
export async function migrateToLatest(context: CommandContext, db: Database): Promise<void> {
  await migrate(context, db, await scriptsOf(context.config), { kind: 'latest' });
}

async function migrate(
  context: CommandContext,
  db: Database,
  projectScripts: readonly MigrationScript[],
  target: MigrationTarget,
): Promise<number> {
  let changes = 0;
  await install({
    db,
    projectScripts,
    target,
    onChange: (owner, { name, direction }) => {
      changes += 1;
      const done = direction === 'up' ? 'migrated' : 'reverted';
      context.output.write(`${done}  ${OWNER_LABELS[owner]}  ${name}\n`);
    },
  });
  return changes;
}

async function showStatus(
  context: CommandContext,
  db: Database,
  projectScripts: readonly MigrationScript[],
): Promise<number> {
  const state = await installationState(db, projectScripts);
  const rows = (['pgwatch', 'project'] as const).flatMap((owner) =>
    state[owner].map((migration) => [
      OWNER_LABELS[owner],
      migration.name,
      shownState(owner, migration),
    ]),
  );
  context.output.write(formatTable(['OWNER', 'MIGRATION', 'STATE'], rows));
  return 0;
}

function shownState(
  owner: MigrationOwner,
  { executedAt, isGone, isOutOfOrder }: MigrationState,
): string {
  if (executedAt === undefined) return isOutOfOrder ? 'pending, out of order' : 'pending';
  const applied = `applied ${executedAt.toISOString()}`;
  return isGone ? `${applied}, ${GONE_LABELS[owner]}` : applied;
}

async function scriptsOf({ migrations }: ResolvedConfig): Promise<MigrationScript[]> {
  return migrations === undefined ? [] : projectMigrations(migrations, importModule);
}

function targetOf(options: MigrateOptions, scripts: readonly MigrationScript[]): MigrationTarget {
  if (options.down) return { kind: 'down' };
  if (options.to === undefined) return { kind: 'latest' };
  const names = scripts.map(({ name }) => name);
  if (!names.includes(options.to)) {
    throw new PgwatchError('MIGRATION_UNKNOWN', {
      what: `The project has no migration "${options.to}".${suggest(options.to, names)}`,
      hint:
        names.length === 0
          ? 'Set `migrations` in the configuration to the folder of the project’s migrations.'
          : `It has: ${names.join(', ')}.`,
    });
  }
  return { kind: 'to', name: options.to };
}
