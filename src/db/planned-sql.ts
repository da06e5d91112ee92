import { type CompiledQuery, Kysely, sql } from 'kysely';
import type { Database } from './database.ts';
import { installationState } from './installation.ts';
import { migrationFailed } from './migration-failure.ts';
import type { MigrationScript } from './migration-script.ts';
import { type MigrationTarget, stepsTo } from './migration-steps.ts';
import { migrationDialect, runStep } from './migrator.ts';
import { quoteIdentifier, quoteLiteral } from './names.ts';
import { ownMigrations } from './own-migrations.ts';
import { assertFunctionsSchema, assertSchemaNotNewer } from './schema-check.ts';
import type { Servers } from './servers.ts';
import { assertFunctionsFree } from './taken-names.ts';

/**
 * The SQL that migrating to the target would run: runs it in one transaction, notes it down, and
 * rolls back. So it is what would really run, also of migrations that decide by what they read; and
 * a migration that would fail fails here. Holds the locks of all the migrations for that moment.
 * @throws SCHEMA_NEWER, FUNCTIONS_SCHEMA_MISSING, FUNCTIONS_TAKEN, MIGRATION_FAILED,
 *   MIGRATION_UNKNOWN, MIGRATION_OUT_OF_ORDER
 */
export async function plannedSql(
  db: Database,
  projectScripts: readonly MigrationScript[],
  target: MigrationTarget,
): Promise<string> {
  await assertSchemaNotNewer(db);
  await assertFunctionsSchema(db);
  await assertFunctionsFree(db);
  const state = await installationState(db, projectScripts);
  const own = await ownMigrations(db.names);
  const plan = [
    ...stepsTo({ kind: 'latest' }, state.pgwatch).map((step) => ({ ...step, of: own })),
    ...stepsTo(target, state.project).map((step) => ({ ...step, of: projectScripts })),
  ];
  if (plan.length === 0) return '-- nothing to migrate\n';

  const parts: string[] = [];
  let queries: CompiledQuery[] = [];
  const rehearsal = async (transaction: Kysely<unknown>) => {
    if (state.pgwatch.every(({ executedAt }) => executedAt === undefined)) {
      const text = `create schema if not exists ${quoteIdentifier(db.names.schema)}`;
      await sql.raw(text).execute(transaction);
      parts.push(`${text};\n\n`);
    }
    for (const { name, direction, of } of plan) {
      const step = of.find((script) => script.name === name)?.[direction];
      queries = [];
      if (step !== undefined) {
        await runStep(transaction, step).catch((error: unknown) => {
          throw migrationFailed(name, error);
        });
      }
      parts.push(`-- ${of === own ? 'pgwatch' : 'project'}: ${name} (${direction})\n`);
      if (step === undefined) parts.push('-- cannot be reverted\n');
      else if (step.kind === 'sql') parts.push(`${step.text.trimEnd()}\n`);
      else parts.push(...queries.map(asText));
      parts.push('\n');
    }
  };
  await rehearse(db.sessionServers, rehearsal, (query) => queries.push(query));
  return parts.join('');
}

class RollBack extends Error {}

/** Runs a task in a transaction that is always rolled back; tells of each query. */
async function rehearse(
  servers: Servers,
  task: (transaction: Kysely<unknown>) => Promise<void>,
  onQuery: (query: CompiledQuery) => void,
): Promise<void> {
  const kysely = new Kysely<unknown>({
    dialect: migrationDialect(servers),
    log: ({ query }) => onQuery(query),
  });
  try {
    await kysely.transaction().execute(async (transaction) => {
      await task(transaction);
      throw new RollBack();
    });
  } catch (error) {
    if (!(error instanceof RollBack)) throw error;
  } finally {
    await kysely.destroy();
  }
}

function asText({ sql, parameters }: CompiledQuery): string {
  const text = sql.replace(/\$(\d+)/g, (placeholder, number) =>
    Number(number) <= parameters.length ? asLiteral(parameters[Number(number) - 1]) : placeholder,
  );
  return `${text.trimEnd()};\n`;
}

/** A parameter as the driver would send it. */
function asLiteral(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (value instanceof Date) return quoteLiteral(value.toISOString());
  if (value instanceof Uint8Array) return `'\\x${Buffer.from(value).toString('hex')}'`;
  if (Array.isArray(value)) {
    return value.length === 0 ? "'{}'" : `array[${value.map(asLiteral).join(', ')}]`;
  }
  return quoteLiteral(typeof value === 'object' ? JSON.stringify(value) : String(value));
}
