import process from 'node:process';
import type { Readable } from 'node:stream';
import type { Environment } from '../config/settings.ts';
import { exitWith } from './exit.ts';
import type { OutputStream } from './output.ts';

/** What the command line runs in. */
export interface Host {
  readonly cwd: string;
  readonly env: Environment;
  readonly stdin: Readable;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream & { hasColors?(): boolean };
  /**
   * Reports what is thrown outside of any handler, in a timer of a user's module for one, and ends
   * the process with the code given. What was not finished comes again at the next start.
   */
  onUncaught?(report: (error: unknown) => number): void;
}

export function processHost(): Host {
  const { env, stdin, stdout, stderr } = process;
  return {
    cwd: process.cwd(),
    env,
    stdin,
    stdout,
    stderr,
    onUncaught: (report) => process.on('uncaughtException', (error) => exitWith(report(error))),
  };
}
