import { execFile } from 'node:child_process';

/** As assignments, because older versions of the program lack the options. */
const ASSIGNMENTS = {
  ready: 'READY=1',
  stopping: 'STOPPING=1',
  alive: 'WATCHDOG=1',
} as const;

export type SystemdState = keyof typeof ASSIGNMENTS;

/**
 * Tells systemd about our state, when it runs us as a service of Type=notify (it then sets
 * NOTIFY_SOCKET). Node has no datagram sockets of the file system, so systemd's own program says
 * it for us; the unit needs NotifyAccess=all.
 * Protocol: https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
 */
export async function notifySystemd(
  state: SystemdState,
  onFailure: (error: Error) => void,
): Promise<void> {
  if ((process.env['NOTIFY_SOCKET'] ?? '') === '') return;
  await new Promise<void>((resolve) => {
    execFile('systemd-notify', [`--pid=${process.pid}`, ASSIGNMENTS[state]], (error) => {
      if (error !== null) onFailure(error);
      resolve();
    });
  });
}
