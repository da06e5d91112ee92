import { mkdir, mkdtemp, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { RunningProgram } from './running-program.ts';
import { writeFiles } from './temporary-folder.ts';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

/** A user's project with pgwatch (the one built here) installed. */
export interface Project {
  readonly folder: string;
  write(files: Readonly<Record<string, string>>): Promise<void>;
  /** Starts `pgwatch` with these arguments; ended after the test if it has not ended before. */
  start(parameters: readonly string[], options?: StartProgramOptions): RunningProgram;
  /** Runs `pgwatch` to its end. */
  run(parameters: readonly string[], options?: StartProgramOptions): Promise<FinishedProgram>;
}

export interface StartProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
}

export interface FinishedProgram {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export async function createProject(
  files: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>> = {},
): Promise<Project> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'pgwatch-project-')));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'node_modules'));
  await symlink(REPOSITORY, join(folder, 'node_modules/pgwatch'));
  await writeFiles(folder, { 'package.json': '{"type":"module"}', ...files });
  const start: Project['start'] = (parameters, options = {}) => {
    const program = new RunningProgram(
      [join(REPOSITORY, 'bin/pgwatch.mjs'), ...parameters],
      folder,
      { PGWATCH_LOG_FORMAT: 'pretty', ...env, ...options.env },
      options.input,
    );
    onTestFinished(async () => {
      await program.kill('SIGKILL');
    });
    return program;
  };
  return {
    folder,
    write: (more) => writeFiles(folder, more),
    start,
    async run(parameters, options) {
      const program = start(parameters, options);
      const { code } = await program.ended;
      return { code, stdout: program.stdout, stderr: program.stderr };
    },
  };
}

/** A consumer module that prints what it handles as `handled <consumer> <payload>`. */
export function printingConsumer(id: string, channel: string): string {
  return `
    import { defineConsumer } from 'pgwatch';
    export default defineConsumer({
      id: ${JSON.stringify(id)},
      channels: [${JSON.stringify(channel)}],
      handle(notification: { json: string }) {
        console.log('handled', ${JSON.stringify(id)}, notification.json);
      },
    });
  `;
}
