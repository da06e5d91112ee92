import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importModule } from '../../src/config/load-module.ts';
import { ModuleLoadError } from '../../src/config/module-load-error.ts';
import { type CompiledProgram, compileProgram, runNode } from '../support/compiled-program.ts';
import { folderWith, writeFiles } from '../support/temporary-folder.ts';

/** Prints, for each file, the module's JSON or the error's message. */
const LOADER = `
  import { resolve } from 'node:path';
  import { importModule } from './node_modules/pgwatch/dist/load-module.js';
  const results = {};
  for (const file of process.argv.slice(2)) {
    try {
      results[file] = { ...(await importModule(resolve(file))) };
    } catch (error) {
      results[file] = error.name + ' ' + error.message;
    }
  }
  console.log(JSON.stringify(results));
`;

let program: CompiledProgram;

beforeAll(async () => {
  program = await compileProgram({ 'load-module': 'src/config/load-module.ts' });
}, 60_000);

afterAll(() => program.remove());

/** Loads all files in a process of their own, in a project that has pgwatch installed. */
async function loadInProject(files: Record<string, string>): Promise<Record<string, unknown>> {
  const folder = await folderWith({ 'loader.mjs': LOADER });
  await mkdir(join(folder, 'node_modules'));
  await cp(join(program.folder, 'dist'), join(folder, 'node_modules/pgwatch/dist'), {
    recursive: true,
  });
  await cp(join(program.folder, 'package.json'), join(folder, 'node_modules/pgwatch/package.json'));
  await symlink(
    join(program.folder, 'node_modules'),
    join(folder, 'node_modules/pgwatch/node_modules'),
  );
  // A small stand-in for the public API, whose own dependencies are no matter here.
  await writeFile(
    join(folder, 'node_modules/pgwatch/dist/index.js'),
    'globalThis.copies = (globalThis.copies ?? 0) + 1; export class Shared {}; export const copies = () => globalThis.copies;',
  );
  await writeFiles(folder, files);
  const modules = Object.keys(files).filter((file) => !file.endsWith('.json'));
  const { code, stdout, stderr } = await runNode(['loader.mjs', ...modules], { cwd: folder });
  expect(code, stderr).toBe(0);
  const results: unknown = JSON.parse(stdout);
  expect(results).toBeTypeOf('object');
  return Object.fromEntries(Object.entries(Object(results)));
}

const ESM = { 'package.json': '{"type":"module"}' };
const COMMONJS = { 'package.json': '{}' };

describe.each([
  ['an ES module project', ESM],
  ['a project without "type"', COMMONJS],
])('in %s', (_, manifest) => {
  test('every kind of module gives its exports', async () => {
    const typescript =
      'enum A { X = 1 }\nexport const named: string = "n";\nexport default { a: A.X };';
    const results = await loadInProject({
      ...manifest,
      'a.ts': typescript,
      'a.mts': typescript,
      'a.cts': typescript,
      'a.mjs': 'export const named = "n"; export default { a: 1 };',
      'a.js': 'export const named = "n"; export default { a: 1 };',
      'a.cjs':
        'module.exports = { default: { a: 1 } }; module.exports.named = "n"; Object.defineProperty(module.exports, "__esModule", { value: true });',
      'without-default.ts': 'export const named = "n";',
    });
    const { 'without-default.ts': withoutDefault, ...others } = results;
    for (const [file, exported] of Object.entries(others)) {
      expect(exported, file).toEqual({ named: 'n', default: { a: 1 } });
    }
    expect(withoutDefault).toEqual({ named: 'n' });
  });

  test('modules import each other without an extension, and JSON', async () => {
    const results = await loadInProject({
      ...manifest,
      'lib/b.ts': 'export const b: number = 2;',
      'data.json': '{"c":3}',
      'a.ts':
        "import { b } from './lib/b';\nimport data from './data.json';\nexport default { b, c: data.c };",
    });
    expect(results['a.ts']).toMatchObject({ default: { b: 2, c: 3 } });
  });

  test('all modules share the running copy of pgwatch', async () => {
    const source =
      "import { copies, Shared } from 'pgwatch';\nexport default [copies(), Shared.name];";
    const results = await loadInProject({
      ...manifest,
      'a.ts': source,
      'b.mts': source,
      'c.cts': source,
      'd.mjs': source,
      'e.cjs':
        "const { copies, Shared } = require('pgwatch'); exports.default = [copies(), Shared.name]; exports.__esModule = true;",
    });
    for (const [file, exported] of Object.entries(results)) {
      expect(exported, file).toMatchObject({ default: [1, 'Shared'] });
    }
  });

  test('an error names file, line and reason, and has no stack', async () => {
    const results = await loadInProject({
      ...manifest,
      'syntax.ts': 'const a = 1;\nexport default { a: , };',
      'syntax.mjs': 'const a = 1;\nexport default { a: , };',
      'syntax.cjs': 'const a = 1;\nmodule.exports = { a: , };',
      'throws.ts': 'interface A { b: string }\n\n\nthrow new Error("boom");',
      'imports.ts': "import './throws2.ts';",
      'throws2.ts': 'type A = 1;\n\nnull.x;',
      'string.ts': 'throw "a string";',
      'missing.ts': "import x from 'not-installed';\nexport default x;",
    });
    expect(results).toMatchObject({
      'syntax.ts': 'ModuleLoadError syntax.ts:2:20: Unexpected ","',
      'syntax.mjs': "ModuleLoadError syntax.mjs:2: SyntaxError: Unexpected token ','",
      'syntax.cjs': "ModuleLoadError syntax.cjs:2: SyntaxError: Unexpected token ','",
      'throws.ts': 'ModuleLoadError throws.ts:4:7: boom',
      'imports.ts': expect.stringMatching(
        /^ModuleLoadError imports\.ts: TypeError: .* \(at throws2\.ts:3:6\)$/,
      ),
      'string.ts': "ModuleLoadError string.ts: it threw 'a string'",
      'missing.ts': expect.stringMatching(
        /^ModuleLoadError missing\.ts: Cannot find (package|module) 'not-installed'( imported from missing\.ts)?$/,
      ),
    });
  });
});

test('top-level await works in an ES module; elsewhere the error says what to do', async () => {
  const source = 'export default await Promise.resolve(1);';
  const esm = await loadInProject({ ...ESM, 'a.ts': source });
  expect(esm['a.ts']).toEqual({ default: 1 });
  const commonjs = await loadInProject({ ...COMMONJS, 'a.ts': source, 'b.mts': source });
  expect(commonjs['a.ts']).toContain('name the file .mts, or set "type": "module"');
  expect(commonjs['b.mts']).toEqual({ default: 1 });
});

test('a module that would end the process is an error, and hides no other', async () => {
  const results = await loadInProject({
    ...ESM,
    'awaits.ts': 'export const a = 1;\nawait new Promise(() => {});',
    'exits.ts': 'type A = 1;\nprocess.exit(0);',
    'exits.cjs': '\nprocess.exit();',
    'late.ts': 'export default await new Promise((done) => setTimeout(done, 10, 1));',
    'well.ts': 'export default 2;',
  });
  expect(results).toMatchObject({
    'awaits.ts':
      'ModuleLoadError awaits.ts: a top-level await, in it or in what it imports, never settles',
    'exits.ts': 'ModuleLoadError exits.ts:2:9: it called process.exit(0) while it was loaded',
    'exits.cjs': 'ModuleLoadError exits.cjs:2:9: it called process.exit() while it was loaded',
    'late.ts': { default: 1 },
    'well.ts': { default: 2 },
  });
});

test('the tsconfig beside the files counts, not the one of the working directory', async () => {
  const results = await loadInProject({
    ...ESM,
    'tsconfig.json': '{}',
    'apps/tsconfig.json': '{"compilerOptions":{"paths":{"@lib/*":["./lib/*"]}}}',
    'apps/lib/b.ts': 'export const b = 2;',
    'apps/a.ts': "import { b } from '@lib/b';\nexport default b;",
  });
  // The first TypeScript file decides; it is the one with the deeper tsconfig here.
  expect(results['apps/a.ts']).toEqual({ default: 2 });
});

describe('under the test runner', () => {
  test('a TypeScript module is loaded', async () => {
    const folder = await folderWith({ ...ESM, 'a.ts': 'export default { a: 1 as number };' });
    expect((await importModule(join(folder, 'a.ts')))['default']).toEqual({ a: 1 });
  });

  test('a file that is not there is an error that says so', async () => {
    const error = await importModule('/nowhere/a.ts').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ModuleLoadError);
    expect(error).toHaveProperty('message', '/nowhere/a.ts: the file does not exist');
  });

  test('what was thrown is kept as the cause', async () => {
    const folder = await folderWith({ ...ESM, 'a.ts': 'throw new RangeError("boom");' });
    const error = await importModule(join(folder, 'a.ts')).catch((thrown: unknown) => thrown);
    expect(error).toHaveProperty('cause.message', 'boom');
  });
});
