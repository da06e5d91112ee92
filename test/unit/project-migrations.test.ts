import { basename, join } from 'node:path';
import type { Kysely } from 'kysely';
import { describe, expect, it, vi } from 'vitest';
import type { MigrationStep } from '../../src/db/migration-script.ts';
import { projectMigrations } from '../../src/db/project-migrations.ts';
import { PgwatchError } from '../../src/errors.ts';
import { folderWith } from '../support/temporary-folder.ts';

const up = () => {};
const down = () => {};
type Modules = Readonly<Record<string, Record<string, unknown>>>;

/** The migrations of a folder with these files (name to text) and modules (name to exports). */
async function migrationsIn(files: Readonly<Record<string, string>>, modules: Modules = {}) {
  const texts = Object.fromEntries(Object.keys(modules).map((name) => [name, '']));
  const folder = await folderWith({ ...files, ...texts });
  return projectMigrations(folder, async (file) => {
    const module = modules[basename(file)];
    if (module === undefined || file !== join(folder, basename(file))) {
      throw new Error(`it wanted to import ${file}`);
    }
    return module;
  });
}

const textOf = (step: MigrationStep | undefined) => (step?.kind === 'sql' ? step.text : undefined);

/** The error of a folder that is refused. */
async function refusal(migrations: Promise<unknown>): Promise<PgwatchError> {
  const error = await migrations.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof PgwatchError)) throw new Error(`It was not refused: ${String(error)}`);
  expect(error.code).toBe('MIGRATION_INVALID');
  return error;
}

describe('a module', () => {
  it.each(['001_a.ts', '001_a.mts', '001_a.js', '001_a.mjs'])(
    '%s goes up and down',
    async (file) => {
      const [script, ...others] = await migrationsIn({}, { [file]: { up, down } });
      expect(others).toEqual([]);
      expect(script).toEqual({
        name: '001_a',
        up: { kind: 'function', run: up },
        down: { kind: 'function', run: down },
      });
    },
  );

  it('needs no way down', async () => {
    const [script] = await migrationsIn({}, { 'a.ts': { up } });
    expect(script?.down).toBeUndefined();
  });

  it('is given the database', async () => {
    const run = vi.fn();
    const [script] = await migrationsIn({}, { 'a.ts': { up: run } });
    const db = {} as Kysely<unknown>;
    if (script?.up.kind === 'function') script.up.run(db);
    expect(run.mock.calls).toEqual([[db]]);
  });

  it.each([
    ['no function "up"', {}],
    ['no function "up"', { up: 'sql' }],
    ['no function "up"', { default: { up } }],
    ['a "down" that is no function', { up, down: 'sql' }],
  ])('that exports %s is refused', async (fault, module) => {
    const error = await refusal(migrationsIn({}, { 'a.ts': module }));
    expect(error.message).toContain(`a.ts exports ${fault}`);
    expect(error.hint).toBeDefined();
  });

  it('that cannot be loaded is refused, with the reason', async () => {
    const folder = await folderWith({ 'a.ts': '' });
    const cause = new Error('a.ts:3: unexpected token');
    const error = await refusal(projectMigrations(folder, () => Promise.reject(cause)));
    expect(error.message).toContain('a.ts:3: unexpected token');
    expect(error.cause).toBe(cause);
  });
});

describe('SQL', () => {
  it('is a file, with perhaps another one to revert it', async () => {
    const scripts = await migrationsIn({
      '1.sql': 'create table a ();',
      '1.down.sql': 'drop table a;',
      '2.up.sql': 'create table b ();',
      '3.x.sql': 'create table c ();',
    });
    expect(
      scripts.map(({ name, ...steps }) => [name, textOf(steps.up), textOf(steps.down)]),
    ).toEqual([
      ['1', 'create table a ();', 'drop table a;'],
      ['2', 'create table b ();', undefined],
      ['3.x', 'create table c ();', undefined],
    ]);
  });

  it('may revert what a module does', async () => {
    const [script] = await migrationsIn({ 'a.down.sql': 'drop table a;' }, { 'a.ts': { up } });
    expect(script?.up).toEqual({ kind: 'function', run: up });
    expect(textOf(script?.down)).toBe('drop table a;');
  });

  it('that reverts nothing is refused', async () => {
    const error = await refusal(migrationsIn({ 'a.down.sql': '' }));
    expect(error.message).toContain('a.down.sql reverts nothing');
    expect(error.hint).toContain('Add a.sql');
  });
});

describe('a folder', () => {
  it('is read in the order of the names, which the locale does not change', async () => {
    const scripts = await migrationsIn(
      { '10_c.sql': '', '2_d.sql': '', 'Z.sql': '', 'a.sql': '', 'é.sql': '', 'aa.sql': '' },
      { '1_b.ts': { up } },
    );
    expect(scripts.map(({ name }) => name)).toEqual(['10_c', '1_b', '2_d', 'Z', 'a', 'aa', 'é']);
  });

  it('may hold other files', async () => {
    const files = {
      'README.md': '',
      'types.d.ts': '',
      'types.d.mts': '',
      'a.sql.bak': '',
      '.x': '',
    };
    expect(await migrationsIn(files)).toEqual([]);
  });

  it.each([
    [{ 'a.sql': '', 'a.up.sql': '' }, {}],
    [{ 'a.sql': '' }, { 'a.ts': { up } }],
    [{ 'a.down.sql': '' }, { 'a.ts': { up, down } }],
    [{}, { 'a.js': { up }, 'a.ts': { up } }],
  ] as readonly [Readonly<Record<string, string>>, Modules][])(
    'with two migrations of one name is refused (%j, %j)',
    async (files, modules) => {
      const error = await refusal(migrationsIn(files, modules));
      expect(error.message).toContain('gives the migration "a" a second time');
    },
  );

  it('that is not there is refused', async () => {
    const folder = join(await folderWith({}), 'nothing');
    const error = await refusal(projectMigrations(folder, async () => ({})));
    expect(error.message).toBe(`The migrations folder ${folder} cannot be read.`);
    expect(error.cause).toMatchObject({ code: 'ENOENT' });
  });

  it('that is a file is refused', async () => {
    const file = join(await folderWith({ 'a.sql': '' }), 'a.sql');
    const error = await refusal(projectMigrations(file, async () => ({})));
    expect(error.cause).toMatchObject({ code: 'ENOTDIR' });
  });
});
