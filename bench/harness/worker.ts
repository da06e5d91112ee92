import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import type { SinkMessage, SinkReport } from '../contenders/sink.ts';
import { DeadlineError, within } from './deadline.ts';
import type { Site } from './site.ts';

/** A contender's process. */
export interface Worker {
  readonly pid: number;
  /** Of the system's monotonic clock, in milliseconds: when it was started. */
  readonly startedAt: number;
  /** Resolves when as many are handled as were expected. */
  readonly done: Promise<SinkReport>;
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>;
  report(): Promise<SinkReport>;
  /** Resolves when it has handled as many, or more. */
  handled(count: number): Promise<void>;
  /** What it has handled: all that was expected, or as much as it can in that time. */
  doneOrGivenUp(patienceMs: number): Promise<SinkReport>;
  /** Ends it in order, before its turn ends. */
  stop(): Promise<void>;
}

export interface WorkerOptions {
  readonly file: string;
  readonly parameters?: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Tells from its output that it is ready; without it, it says so itself (see sink.ts). */
  readonly readyText?: string;
  /** Do not wait until it is ready: it does its work and ends. */
  readonly once?: boolean;
}

const LOOK_EVERY_MS = 50;

/** Of the system's monotonic clock, which all processes share. Milliseconds. */
export function clock(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** For whoever looks where the time goes: `BENCH_NODE_OPTIONS='--cpu-prof --cpu-prof-dir=…'`. */
const EXTRA = process.env['BENCH_NODE_OPTIONS']?.split(' ') ?? [];

export async function startWorker(site: Site, options: WorkerOptions): Promise<Worker> {
  const startedAt = clock();
  const child = fork(options.file, [...(options.parameters ?? [])], {
    cwd: options.cwd,
    env: { ...process.env, DATABASE_URL: site.url, ...options.env },
    execArgv: [...(options.file.endsWith('.ts') ? ['--import', 'tsx'] : []), ...EXTRA],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const output = collectOutput(child);
  const failed = ended.then((): never => {
    throw new Error(`${options.file} ended:\n${output.text()}`);
  });
  failed.catch(() => {});
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
    await ended;
    clearTimeout(timer);
  };
  site.onEnd(stop);
  const done = Promise.race([nextReport(child, 'done'), failed]);
  // Who stops it before has not waited for it.
  done.catch(() => {});
  if (options.once !== true) {
    const { readyText } = options;
    await Promise.race([
      failed,
      readyText === undefined ? said(child, 'ready') : output.says(readyText),
    ]);
  }
  const report = () => {
    const next = nextReport(child, 'report');
    // A process that has ended tells so by `failed`.
    child.send('report', () => {});
    return Promise.race([next, failed]);
  };
  return {
    pid: child.pid ?? 0,
    startedAt,
    done,
    ended,
    stop,
    report,
    async handled(count) {
      while ((await report()).count < count) await pause(LOOK_EVERY_MS);
    },
    async doneOrGivenUp(patienceMs) {
      try {
        return await within(patienceMs, done);
      } catch (error) {
        if (error instanceof DeadlineError) return report();
        throw error;
      }
    },
  };
}

function said(child: ChildProcess, type: SinkMessage['type']): Promise<SinkMessage> {
  return new Promise((resolve) => {
    const listen = (message: SinkMessage) => {
      if (message.type !== type) return;
      child.off('message', listen);
      resolve(message);
    };
    child.on('message', listen);
  });
}

async function nextReport(child: ChildProcess, type: 'done' | 'report'): Promise<SinkReport> {
  const message = await said(child, type);
  if (message.type === 'ready') throw new Error('It said that it is ready instead of reporting.');
  return message.report;
}

function collectOutput(child: ChildProcess) {
  let text = '';
  const waiting = new Set<() => void>();
  const collect = (chunk: Buffer) => {
    text = `${text}${chunk}`.slice(-20_000);
    for (const check of waiting) check();
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  return {
    text: () => text,
    says: (wanted: string) =>
      new Promise<void>((resolve) => {
        const check = () => {
          if (!text.includes(wanted)) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
  };
}
