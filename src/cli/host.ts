import process from 'node:process';
import type { Readable } from 'node:stream';
import type { Environment } from '../config/settings.ts';
import type { OutputStream } from './output.ts';

/** What the command line runs in. */
export interface Host {
  readonly cwd: string;
  readonly env: Environment;
  readonly stdin: Readable;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream & { hasColors?(): boolean };
}

export function processHost(): Host {
  const { env, stdin, stdout, stderr } = process;
  return { cwd: process.cwd(), env, stdin, stdout, stderr };
}
