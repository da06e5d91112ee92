import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Kysely } from 'kysely';
import { PgwatchError } from '../errors.ts';
import type { MigrationScript, MigrationStep } from './migration-script.ts';

const MODULE_FILE = /^(?<name>.+?)\.(?:ts|mts|js|mjs)$/;
const SQL_FILE = /^(?<name>.+?)(?<direction>\.up|\.down)?\.sql$/;

/**
 * The project's own migrations, ordered by name: modules that export `up` and perhaps `down`
 * (both are given a Kysely transaction), or `name.sql` with perhaps `name.down.sql`.
 * @param importModule loads a module, TypeScript included
 * @throws MIGRATION_INVALID when the folder cannot be read or a file is not a migration
 */
export async function projectMigrations(
  folder: string,
  importModule: (file: string) => Promise<Record<string, unknown>>,
): Promise<MigrationScript[]> {
  const scripts = new Map<string, Partial<Pick<MigrationScript, 'up' | 'down'>>>();
  const add = (
    file: string,
    name: string,
    steps: Partial<Pick<MigrationScript, 'up' | 'down'>>,
  ) => {
    const known = scripts.get(name) ?? {};
    if ((steps.up && known.up) || (steps.down && known.down)) {
      throw invalid(`${file} gives the migration "${name}" a second time.`, 'Rename one of them.');
    }
    scripts.set(name, { ...known, ...steps });
  };

  const load = async (path: string) => {
    try {
      return await importModule(path);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw invalid(`A migration cannot be loaded: ${reason}`, 'Correct it.', cause);
    }
  };

  for (const file of await filesOf(folder)) {
    const path = join(folder, file);
    const sqlName = SQL_FILE.exec(file)?.groups;
    const moduleName = MODULE_FILE.exec(file)?.groups?.['name'];
    if (sqlName?.['name'] !== undefined) {
      const step: MigrationStep = { kind: 'sql', text: await readFile(path, 'utf8') };
      add(file, sqlName['name'], sqlName['direction'] === '.down' ? { down: step } : { up: step });
    } else if (moduleName !== undefined && !file.endsWith('.d.ts') && !file.endsWith('.d.mts')) {
      add(file, moduleName, stepsOf(file, await load(path)));
    }
  }

  return [...scripts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { up, down }]) => {
      if (up === undefined) {
        throw invalid(`${name}.down.sql reverts nothing.`, `Add ${name}.sql, or remove it.`);
      }
      return { name, up, down };
    });
}

async function filesOf(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (cause) {
    throw new PgwatchError('MIGRATION_INVALID', {
      what: `The migrations folder ${folder} cannot be read.`,
      hint: 'Create it, or correct `migrations` in the configuration.',
      cause,
    });
  }
}

function stepsOf(file: string, module: Record<string, unknown>) {
  const { up, down } = module;
  if (typeof up !== 'function') {
    throw invalid(
      `${file} exports no function "up".`,
      'Write `export async function up(db) { … }`, and `down` to be able to revert it.',
    );
  }
  if (down !== undefined && typeof down !== 'function') {
    throw invalid(`${file} exports a "down" that is no function.`, 'Make it one, or remove it.');
  }
  const step = (run: unknown): MigrationStep => ({
    kind: 'function',
    run: run as (db: Kysely<unknown>) => unknown,
  });
  return { up: step(up), ...(down === undefined ? {} : { down: step(down) }) };
}

function invalid(what: string, hint: string, cause?: unknown): PgwatchError {
  return new PgwatchError('MIGRATION_INVALID', {
    what,
    hint,
    ...(cause === undefined ? {} : { cause }),
  });
}
