import {
  type CompiledQuery,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
} from 'kysely';
import type { Database } from './database.ts';
import { installationState } from './installation.ts';
import type { MigrationScript } from './migration-script.ts';
import { type MigrationTarget, runStep, stepsTo } from './migrator.ts';
import { quoteLiteral } from './names.ts';
import { ownMigrations } from './own-migrations.ts';
import { assertSchemaNotNewer } from './schema-check.ts';

/**
 * The SQL that migrating to the target would run; runs none of it. A module's queries are recorded
 * instead of executed, so one that depends on what it reads sees empty results.
 */
export async function plannedSql(
  db: Database,
  projectScripts: readonly MigrationScript[],
  target: MigrationTarget,
): Promise<string> {
  await assertSchemaNotNewer(db);
  const state = await installationState(db, projectScripts);
  const own = await ownMigrations(db.names);
  const parts: string[] = [];
  const plan = [
    { scripts: own, steps: stepsTo({ kind: 'latest' }, state.pgwatch), owner: 'pgwatch' },
    { scripts: projectScripts, steps: stepsTo(target, state.project), owner: 'project' },
  ];
  for (const { scripts, steps, owner } of plan) {
    for (const { name, direction } of steps) {
      const step = scripts.find((script) => script.name === name)?.[direction];
      parts.push(`-- ${owner}: ${name} (${direction})\n`);
      parts.push(step === undefined ? '-- cannot be reverted\n' : await sqlOf(step), '\n');
    }
  }
  return parts.length === 0 ? '-- nothing to migrate\n' : parts.join('');
}

async function sqlOf(step: NonNullable<MigrationScript['up']>): Promise<string> {
  if (step.kind === 'sql') return `${step.text.trimEnd()}\n`;
  const recorded: CompiledQuery[] = [];
  const recorder = new Kysely<unknown>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
    log: ({ query }) => void recorded.push(query),
  });
  await runStep(recorder, step);
  return recorded.map(asText).join('');
}

function asText({ sql, parameters }: CompiledQuery): string {
  const values = parameters.map((value) =>
    value === null || value === undefined ? 'null' : quoteLiteral(String(value)),
  );
  return `${sql.replace(/\$(\d+)/g, (placeholder, n) => values[Number(n) - 1] ?? placeholder).trimEnd()};\n`;
}
