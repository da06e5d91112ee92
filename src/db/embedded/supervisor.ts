import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, utimesSync } from 'node:fs';
import { removeScratch } from './scratch.ts';
import { serverEnvironment, spawnIdentity } from './server-user.ts';
import { isOrder, type Order, type StopMode, type SupervisorReport } from './supervision.ts';

/**
 * A process of its own that owns one postmaster, so that the server ends with the process that
 * wanted it, however that dies: the channel between them closes, and the server is stopped. It
 * runs in its own session, because Ctrl-C goes to everybody in the terminal's, and the server is
 * needed until handlers have finished.
 *
 *   waiting   from the start to the order; the channel closes: exit
 *   serving   the postmaster runs; it ends by itself: report and exit
 *   stopping  from a stop mode or the closed channel until the postmaster is gone; then, if the
 *             channel is closed, what the order says is removed; exit
 */

/** So often it shows processes that cannot see this one that the server is alive. */
const HEARTBEAT_MS = 5_000;

/** How long each way of stopping is given before the next, harder one. */
const PATIENCE_MS = { fast: 10_000, immediate: 10_000 } satisfies Record<StopMode, number>;

let postmaster: ChildProcess | undefined;
let order: Order | undefined;
let hardest: StopMode | undefined;
let leaving = false;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // Whoever wants the server gone ends its owner, which may need it until its own end.
  });
}
process.on('disconnect', () => {
  if (order === undefined) process.exit();
  else stop(order.stopMode);
});
process.on('message', (message: unknown) => {
  if (isOrder(message)) start(message);
  else if (message === 'fast' || message === 'immediate') stop(message);
});

function start(given: Order): void {
  order = given;
  try {
    serve(given);
  } catch (error) {
    leave({ event: 'failed', message: error instanceof Error ? error.message : String(error) });
  }
}

function serve(given: Order): void {
  const log = openSync(given.log, 'a', 0o600);
  const descriptor = given.descriptor === undefined ? undefined : openSync(given.descriptor, 'r');
  const child = spawn(given.postgres, given.args, {
    cwd: '/',
    env: serverEnvironment(),
    ...spawnIdentity(given.user),
    stdio: ['ignore', log, log, ...(descriptor === undefined ? [] : [descriptor])],
    windowsHide: true,
  });
  closeSync(log);
  if (descriptor !== undefined) closeSync(descriptor);
  child.once('error', (error) => {
    if (child.pid === undefined) leave({ event: 'failed', message: error.message });
  });
  child.once('exit', (code, signal) => leave({ event: 'ended', status: code ?? signal ?? 0 }));
  if (child.pid === undefined) return;
  postmaster = child;
  report({ event: 'started', pid: child.pid });
  setInterval(() => touch(given.touch), HEARTBEAT_MS).unref();
}

function stop(mode: StopMode): void {
  if (postmaster === undefined || leaving || hardest === 'immediate' || hardest === mode) return;
  hardest = mode;
  if (process.platform === 'win32' && order !== undefined) {
    // No signals there that a postmaster would understand.
    spawn(order.pgCtl, ['stop', '-D', order.dataDirectory, '-m', mode], { windowsHide: true });
  } else {
    postmaster.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
  }
  setTimeout(() => {
    if (mode === 'fast') stop('immediate');
    else postmaster?.kill('SIGKILL');
  }, PATIENCE_MS[mode]).unref();
}

async function leave(last: SupervisorReport): Promise<void> {
  leaving = true;
  await report(last);
  if (!process.connected) await Promise.allSettled((order?.remove ?? []).map(removeScratch));
  process.exit();
}

function report(message: SupervisorReport): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, () => resolve());
  });
}

function touch(paths: readonly string[]): void {
  const now = new Date();
  for (const path of paths) {
    try {
      utimesSync(path, now, now);
    } catch {
      // Removed by somebody: nothing to show any more.
    }
  }
}
