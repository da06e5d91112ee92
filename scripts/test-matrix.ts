import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { packageName } from '../src/db/embedded/package-folder.ts';
import { startThrowawayServer } from '../src/db/embedded/throwaway-server.ts';
import { chosenMajors, type Major, testOnServers } from './server-tests.ts';

// npm run test:matrix [-- 14 17]: the server tests on the embedded binaries of each version.

/** The newest published release of each major version. */
const VERSIONS: Readonly<Record<Major, string>> = {
  '14': '14.23.0-beta.17',
  '15': '15.18.0-beta.17',
  '16': '16.14.0-beta.17',
  '17': '17.10.0-beta.17',
  '18': '18.4.0-beta.17',
};

const run = promisify(execFile);
const cache = fileURLToPath(new URL('../node_modules/.cache/pgwatch-matrix', import.meta.url));

await testOnServers(chosenMajors(), async (major) => {
  const binaries = await installBinaries(VERSIONS[major]);
  const server = await startThrowawayServer({ binaries });
  process.stdout.write(`\nPostgreSQL ${server.version}\n`);
  return {
    url: server.url,
    environment: { PGWATCH_TEST_BINARIES: binaries },
    stop: () => server.stop(),
  };
});

/** Answers the package's folder. Installed once per version, from the npm registry alone. */
async function installBinaries(version: string): Promise<string> {
  const name = packageName(process);
  const prefix = join(cache, version);
  const folder = join(prefix, 'node_modules', name);
  if (existsSync(join(folder, 'package.json'))) return folder;
  await mkdir(prefix, { recursive: true });
  const options = ['--ignore-scripts', '--no-save', '--no-audit', '--no-fund'];
  await runNpm(['install', '--prefix', prefix, ...options, `${name}@${version}`]);
  return folder;
}

/** With the npm that runs this script: on Windows npm itself is no program. */
async function runNpm(args: readonly string[]): Promise<void> {
  const { npm_execpath: script } = process.env;
  if (script === undefined) await run('npm', [...args]);
  else await run(process.execPath, [script, ...args]);
}
