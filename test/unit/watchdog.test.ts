import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { keepWatchdogQuiet } from '../../src/lifecycle/watchdog.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('gives two signs of life in each interval, while the process says that it lives', () => {
  const isAlive = vi.fn(() => true);
  const signOfLife = vi.fn();
  const end = keepWatchdogQuiet({ WATCHDOG_USEC: '10000000' }, isAlive, signOfLife);
  signOfLife.mockClear();
  vi.advanceTimersByTime(20_000);
  expect(signOfLife).toHaveBeenCalledTimes(4);
  isAlive.mockReturnValue(false);
  vi.advanceTimersByTime(20_000);
  expect(signOfLife).toHaveBeenCalledTimes(4);
  isAlive.mockReturnValue(true);
  end();
  vi.advanceTimersByTime(20_000);
  expect(signOfLife).toHaveBeenCalledTimes(4);
});

it('gives the first sign at once, so that a start that stands still is noticed', () => {
  const signOfLife = vi.fn();
  const end = keepWatchdogQuiet({ WATCHDOG_USEC: '10000000' }, () => true, signOfLife);
  expect(signOfLife).toHaveBeenCalledOnce();
  end();
});

it.each([
  {},
  { WATCHDOG_USEC: '' },
  { WATCHDOG_USEC: '0' },
  { WATCHDOG_USEC: 'often' },
  { WATCHDOG_USEC: '10000000', WATCHDOG_PID: '1' },
])('is silent where systemd asks nothing of this process: %j', (env) => {
  const signOfLife = vi.fn();
  keepWatchdogQuiet(env, () => true, signOfLife);
  vi.advanceTimersByTime(100_000);
  expect(signOfLife).not.toHaveBeenCalled();
});

it('answers for this process when systemd names it', () => {
  const signOfLife = vi.fn();
  const env = { WATCHDOG_USEC: '2000000', WATCHDOG_PID: String(process.pid) };
  const end = keepWatchdogQuiet(env, () => true, signOfLife);
  signOfLife.mockClear();
  vi.advanceTimersByTime(1_000);
  end();
  expect(signOfLife).toHaveBeenCalledOnce();
});
