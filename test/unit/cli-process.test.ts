import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type CompiledProgram,
  compileProgram,
  runNode,
  runNodeWithClosedOutput,
} from '../support/compiled-program.ts';
import { folderWith } from '../support/temporary-folder.ts';

let program: CompiledProgram;

beforeAll(async () => {
  program = await compileProgram();
}, 60_000);

afterAll(() => program.remove());

test('the compiled program prints its help', async () => {
  const run = await runNode([program.bin, '--help'], { cwd: await folderWith({}) });
  expect(run).toMatchObject({ code: 0, stderr: '' });
  expect(run.stdout).toContain('Usage: pgwatch');
});

/** Writes to standard error which modules are loaded. */
const NOTING_LOADS = {
  'loaded.mjs': `
    import { register } from 'node:module';
    register('data:text/javascript,' + encodeURIComponent(
      "import { writeSync } from 'node:fs'; export async function load(url, context, next) { writeSync(2, url + '\\\\n'); return next(url, context); }",
    ));
  `,
};

test('printing the help loads no database client, logger or configuration loader', async () => {
  const cwd = await folderWith(NOTING_LOADS);
  const run = await runNode(['--import', './loaded.mjs', program.bin, '--help'], { cwd });
  expect(run.code).toBe(0);
  expect(run.stderr).toContain('dist/pgwatch.js');
  expect(run.stderr).not.toMatch(/node_modules\/(?!commander\/)/);
});

test('listing consumers, which import the public API, loads no database client', async () => {
  const cwd = await folderWith({ ...NOTING_LOADS, 'consumers/none.ts': 'export {};' });
  const run = await runNode(['--import', './loaded.mjs', program.bin, 'list-consumers'], { cwd });
  expect(run.code).toBe(0);
  expect(run.stderr).toContain('dist/index.js');
  expect(run.stderr).not.toContain('node_modules/pg/');
  expect(await ownCode(run.stderr)).not.toContain('// node_modules/kysely/');
});

/** The text of our own files among those that were loaded. Packages are parts of them, with headings. */
async function ownCode(loaded: string): Promise<string> {
  const own = loaded
    .split('\n')
    .filter((url) => url.startsWith(pathToFileURL(program.folder).href));
  const files = own.filter((url) => url.includes('/dist/'));
  return (await Promise.all(files.map((url) => readFile(new URL(url), 'utf8')))).join('\n');
}

test('migrations are read with Kysely, which is a part of our own files', async () => {
  const cwd = await folderWith(NOTING_LOADS);
  const run = await runNode(['--import', './loaded.mjs', program.bin, 'migrate'], { cwd });
  expect(run.stderr).not.toContain('node_modules/kysely/');
  expect(await ownCode(run.stderr)).toContain('// node_modules/kysely/');
});

test('wrong usage exits with 2, and the error is on standard error', async () => {
  const run = await runNode([program.bin, 'listen', '--tiemout', '3'], {
    cwd: await folderWith({}),
    env: { PGWATCH_LOG_FORMAT: 'pretty' },
  });
  expect(run).toEqual({
    code: 2,
    stdout: '',
    stderr: "error[USAGE]: Unknown option '--tiemout'.\n  → Did you mean --timeout?\n",
  });
});

test('a broken TypeScript configuration is one error with file and line, and no stack', async () => {
  const run = await runNode([program.bin, 'migrate'], {
    cwd: await folderWith({ 'pgwatch.config.ts': 'export default {\n  poolSize: ,\n};\n' }),
    env: { PGWATCH_LOG_FORMAT: 'pretty' },
  });
  expect(run.code).toBe(2);
  expect(run.stderr).toBe(
    'error[CONFIG_UNREADABLE]: The configuration cannot be loaded: pgwatch.config.ts:2:12: Unexpected ","\n' +
      '  → Correct the file.\n',
  );
});

test('a stack names the files of src', async () => {
  const run = await runNode([program.bin, '--log-level', 'debug', 'migrate'], {
    cwd: await folderWith({}),
    env: { PGWATCH_LOG_FORMAT: 'pretty' },
  });
  expect(run.stderr).toContain('error[DATABASE_MISSING]');
  expect(run.stderr).toMatch(/at .*\/src\/cli\/with-database\.ts:\d+:\d+/);
  expect(run.stderr).toMatch(/at .*\/src\/cli\/program\.ts:\d+:\d+/);
  expect(run.stderr).not.toContain('/dist/');
});

test('a reader that goes away does not crash the program', async () => {
  const run = await runNodeWithClosedOutput([program.bin, '--help'], { cwd: await folderWith({}) });
  expect(run).toMatchObject({ code: 0, stderr: '' });
});
