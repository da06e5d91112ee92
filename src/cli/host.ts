import process from 'node:process';
import type { Readable } from 'node:stream';
import type { Environment } from '../config/settings.ts';
import type { StrayErrorHandler } from '../lifecycle/stray-errors.ts';
import { exitWith } from './exit.ts';
import type { OutputStream } from './output.ts';

/** What the command line runs in. */
export interface Host {
  readonly cwd: string;
  readonly env: Environment;
  readonly stdin: Readable;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream & { hasColors?(): boolean };
  /** Hands over what is thrown outside of everything, and ends the process with the code given. */
  onStrayError?(handle: StrayErrorHandler): void;
}

export function processHost(): Host {
  const { env, stdin, stdout, stderr } = process;
  return {
    cwd: process.cwd(),
    env,
    stdin,
    stdout,
    stderr,
    onStrayError: (handle) =>
      process.on('uncaughtException', (error, origin) => {
        const exitCode = handle(error, origin);
        if (exitCode !== undefined) exitWith(exitCode);
      }),
  };
}
