import { type CompiledQuery, Kysely, type LogEvent, sql } from 'kysely';
import type { Database } from './database.ts';
import { installationState } from './installation.ts';
import type { MigrationScript } from './migration-script.ts';
import { type MigrationTarget, migrationDialect, runStep, stepsTo } from './migrator.ts';
import { quoteIdentifier, quoteLiteral } from './names.ts';
import { ownMigrations } from './own-migrations.ts';
import { assertSchemaNotNewer } from './schema-check.ts';

/**
 * The SQL that migrating to the target would run: runs it in one transaction, notes it down, and
 * rolls back. So it is what would really run, also of migrations that decide by what they read; and
 * a migration that would fail fails here. Holds the locks of all the migrations for that moment.
 */
export async function plannedSql(
  db: Database,
  projectScripts: readonly MigrationScript[],
  target: MigrationTarget,
): Promise<string> {
  await assertSchemaNotNewer(db);
  const state = await installationState(db, projectScripts);
  const own = await ownMigrations(db.names);
  const plan = [
    ...stepsTo({ kind: 'latest' }, state.pgwatch).map((step) => ({ ...step, of: own })),
    ...stepsTo(target, state.project).map((step) => ({ ...step, of: projectScripts })),
  ];
  if (plan.length === 0) return '-- nothing to migrate\n';

  const text: string[] = [];
  await rehearse(
    db,
    async (transaction) => {
      for (const { name, direction, of } of plan) {
        const step = of.find((script) => script.name === name)?.[direction];
        text.push(`-- ${of === own ? 'pgwatch' : 'project'}: ${name} (${direction})\n`);
        if (step === undefined) text.push('-- cannot be reverted\n');
        else await runStep(transaction, step);
        text.push('\n');
      }
    },
    (query) => text.push(asText(query)),
  );
  return text.join('');
}

class RollBack extends Error {}

/** Runs a task in a transaction that is always rolled back; tells of each query of the task. */
async function rehearse(
  db: Database,
  task: (transaction: Kysely<unknown>) => Promise<void>,
  onQuery: (query: CompiledQuery) => void,
): Promise<void> {
  let listening = false;
  const log = ({ query }: LogEvent) => {
    if (listening && !/^(?:begin|commit|rollback)$/.test(query.sql)) onQuery(query);
  };
  const kysely = new Kysely<unknown>({ dialect: migrationDialect(db.url), log });
  try {
    await kysely.transaction().execute(async (transaction) => {
      await sql
        .raw(`create schema if not exists ${quoteIdentifier(db.names.schema)}`)
        .execute(transaction);
      listening = true;
      await task(transaction);
      listening = false;
      throw new RollBack();
    });
  } catch (error) {
    if (!(error instanceof RollBack)) throw error;
  } finally {
    await kysely.destroy();
  }
}

function asText({ sql, parameters }: CompiledQuery): string {
  const values = parameters.map((value) =>
    value === null || value === undefined ? 'null' : quoteLiteral(String(value)),
  );
  return `${sql.replace(/\$(\d+)/g, (placeholder, n) => values[Number(n) - 1] ?? placeholder).trimEnd()};\n`;
}
