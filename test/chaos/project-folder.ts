import { cp, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
const PROJECT = fileURLToPath(new URL('./project', import.meta.url));

/** The project of test/chaos/project/ as a user has it: in a folder of its own, pgwatch installed. */
export interface ProjectFolder {
  readonly folder: string;
  /** The command, as npm links it. */
  readonly bin: string;
  /** Where consumers record: a file for each. */
  readonly records: string;
  remove(): Promise<void>;
}

export async function createProjectFolder(): Promise<ProjectFolder> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'pgwatch-chaos-')));
  const records = join(folder, 'records');
  await cp(PROJECT, folder, { recursive: true });
  await mkdir(join(folder, 'node_modules'));
  await symlink(REPOSITORY, join(folder, 'node_modules/pgwatch'));
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await mkdir(records);
  return {
    folder,
    bin: join(REPOSITORY, 'bin/pgwatch.mjs'),
    records,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
