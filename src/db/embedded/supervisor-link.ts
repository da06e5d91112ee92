import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isReport, type Order, type StopMode } from './supervision.ts';

/** This process's end of the channel to a supervisor: see supervisor.ts. */
export interface SupervisorLink {
  readonly pid: number;
  /** The postmaster's pid, once it was started; rejected when it could not be. */
  readonly started: Promise<number>;
  /** How it ended, in words; resolved when the supervisor is gone too. Never rejected. */
  readonly ended: Promise<string>;
  /** Whether the supervisor itself saw the postmaster end, so that nothing is left running. */
  readonly isSettled: () => boolean;
  stop(mode: StopMode): void;
  close(): void;
  /** Whether the supervisor keeps this process alive: at first it does. */
  hold(): void;
  release(): void;
}

/** Starts a supervisor and gives it its order. */
export function linkSupervisor(order: Order): SupervisorLink {
  const child = forkSupervisor();
  let settled = false;
  let fate = 'its supervisor could not be started';
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`${fate}: ${error.message}`));
    child.once('exit', () => resolve(fate));
  });
  const started = new Promise<number>((resolve, reject) => {
    child.on('message', (message: unknown) => {
      if (!isReport(message)) return;
      if (message.event === 'started') {
        fate = 'its supervisor was killed';
        resolve(message.pid);
      } else {
        settled = true;
        fate = message.event === 'failed' ? message.message : `it ended with ${message.status}`;
      }
    });
    ended.then(() => reject(new Error(fate)));
  });
  started.catch(() => {
    // Whoever did not wait for the start learns of it through `ended`.
  });
  child.send(order, () => {
    // A supervisor that cannot be told has ended, and says so there.
  });
  return {
    pid: child.pid ?? 0,
    started,
    ended,
    isSettled: () => settled,
    stop: (mode) => {
      if (child.connected) child.send(mode, () => undefined);
    },
    close: () => {
      if (child.connected) child.disconnect();
    },
    hold: () => child.ref(),
    release: () => {
      child.unref();
      child.channel?.unref();
    },
  };
}

function forkSupervisor(): ChildProcess {
  // Run from the sources it is TypeScript, which Node 20 takes only with a loader.
  const fromSource = import.meta.url.endsWith('.ts');
  const script = new URL(fromSource ? './supervisor.ts' : './supervisor.js', import.meta.url);
  const loader = () => pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const { NODE_OPTIONS: _, ...env } = process.env;
  return fork(fileURLToPath(script), [], {
    cwd: '/',
    detached: true,
    env,
    execArgv: fromSource ? ['--import', loader()] : [],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
}
