import { execFile } from 'node:child_process';

/**
 * Tells systemd about our state, when it runs us as a service of Type=notify (it then sets
 * NOTIFY_SOCKET). Node has no datagram sockets of the file system, so systemd's own program says
 * it for us; the unit needs NotifyAccess=all.
 * Protocol: https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
 */
export async function notifySystemd(
  state: 'ready' | 'stopping',
  onFailure: (error: Error) => void,
): Promise<void> {
  if ((process.env['NOTIFY_SOCKET'] ?? '') === '') return;
  await new Promise<void>((resolve) => {
    execFile('systemd-notify', [`--${state}`, `--pid=${process.pid}`], (error) => {
      if (error !== null) onFailure(error);
      resolve();
    });
  });
}
