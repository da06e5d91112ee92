import { Readable, Writable } from 'node:stream';
import type { Host } from '../../src/cli/host.ts';
import type { CommandContext, Commands } from '../../src/cli/options.ts';
import { main } from '../../src/cli/program.ts';

/** A call of a command's body: which, with what options and arguments. */
export interface CommandCall {
  readonly command: keyof Commands;
  readonly context: CommandContext;
  readonly parameters: readonly unknown[];
}

export interface CommandLineRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly calls: readonly CommandCall[];
}

export interface CommandLineOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Instead of a body that records the call and gives 0. */
  readonly body?: (context: CommandContext) => Promise<number>;
}

/** Runs a command line in this process; the commands' bodies only record how they are called. */
export async function runCommandLine(
  parameters: readonly string[],
  options: CommandLineOptions,
): Promise<CommandLineRun> {
  const stdout = new Recorder();
  const stderr = new Recorder();
  const calls: CommandCall[] = [];
  const recording =
    (command: keyof Commands) =>
    async () =>
    (context: CommandContext, ...rest: unknown[]) => {
      calls.push({ command, context, parameters: rest });
      return options.body === undefined ? Promise.resolve(0) : options.body(context);
    };
  const host: Host = {
    cwd: options.cwd,
    env: options.env ?? {},
    stdin: Readable.from([]),
    stdout,
    stderr,
  };
  const exitCode = await main(['node', 'pgwatch', ...parameters], host, {
    migrate: recording('migrate'),
    listen: recording('listen'),
    listConsumers: recording('listConsumers'),
    cleanup: recording('cleanup'),
    adopt: recording('adopt'),
    admin: recording('admin'),
    notify: recording('notify'),
    status: recording('status'),
    tail: recording('tail'),
    explain: recording('explain'),
    doctor: recording('doctor'),
    replay: recording('replay'),
    discard: recording('discard'),
    pause: recording('pause'),
    resume: recording('resume'),
    forget: recording('forget'),
  });
  return { exitCode, stdout: stdout.text, stderr: stderr.text, calls };
}

class Recorder extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}
