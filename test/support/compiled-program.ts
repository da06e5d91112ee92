import { execFile, spawn } from 'node:child_process';
import { cp, mkdtemp, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from '../../scripts/bundle.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

/** The program as it is published, compiled into a temporary folder. */
export interface CompiledProgram {
  /** The folder of its package.json. */
  readonly folder: string;
  readonly bin: string;
  remove(): Promise<void>;
}

/**
 * Compiles the sources as they are now. For what differs between Vitest and Node: module loading,
 * pipes, exit codes.
 * @param entries other files to begin with than those that are published
 */
export async function compileProgram(
  entries?: Readonly<Record<string, string>>,
): Promise<CompiledProgram> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'pgwatch-compiled-')));
  await cp(join(PROJECT, 'package.json'), join(folder, 'package.json'));
  await symlink(join(PROJECT, 'node_modules'), join(folder, 'node_modules'));
  await bundle(join(folder, 'dist'), entries);
  return {
    folder,
    bin: join(folder, 'dist/pgwatch.js'),
    remove: () => rm(folder, { recursive: true }),
  };
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd: string;
  /** On top of this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs Node to its end. */
export function runNode(parameters: readonly string[], options: RunOptions): Promise<Finished> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [...parameters],
      { cwd: options.cwd, env: { ...process.env, ...options.env } },
      (_error, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

/** Runs Node with a standard output that nobody reads: closed before the first byte. */
export function runNodeWithClosedOutput(
  parameters: readonly string[],
  options: RunOptions,
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...parameters], {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout: '', stderr }));
  });
}
