/** What systemd tells a service of WatchdogSec: how often it wants a sign of life, and of whom. */
export interface WatchdogEnvironment {
  readonly WATCHDOG_USEC?: string | undefined;
  readonly WATCHDOG_PID?: string | undefined;
}

/**
 * Gives systemd a sign of life twice in each of its intervals, while this process goes round: by a
 * timer, so only while the event loop turns, and only while it says itself that it is alive. The
 * first sign is given at once: systemd watches from it on, and else only from readiness on, which
 * a handler of the playback that never returns may keep from coming.
 * Does nothing where systemd wants none.
 * Protocol: https://www.freedesktop.org/software/systemd/man/latest/sd_watchdog_enabled.html
 *
 * @returns what ends it
 */
export function keepWatchdogQuiet(
  { WATCHDOG_USEC, WATCHDOG_PID }: WatchdogEnvironment,
  isAlive: () => boolean,
  signOfLife: () => void,
): () => void {
  const everyMs = Number(WATCHDOG_USEC) / 1000 / 2;
  const isOurs = (WATCHDOG_PID ?? '') === '' || WATCHDOG_PID === String(process.pid);
  if (!(everyMs > 0) || !isOurs) return () => {};
  signOfLife();
  const timer = setInterval(() => {
    if (isAlive()) signOfLife();
  }, everyMs);
  return () => clearInterval(timer);
}
