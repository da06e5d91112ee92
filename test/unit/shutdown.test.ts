import { EventEmitter } from 'node:events';
import { constants } from 'node:os';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Shutdown } from '../../src/lifecycle/shutdown.ts';

const GRACE_MS = 10_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function listening(options: { echoMs?: number } = {}) {
  const source = new EventEmitter();
  const steps = { stop: vi.fn(), abort: vi.fn(), exit: vi.fn() };
  const shutdown = new Shutdown({ ...steps, ...options, graceMs: GRACE_MS }, source);
  /** As the process does it. */
  const send = (signal: NodeJS.Signals) => source.emit(signal, signal, constants.signals[signal]);
  return { source, steps, shutdown, send };
}

describe.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s', (signal) => {
  it('stops at once, and aborts when the grace period is over', () => {
    const { steps, send } = listening();
    send(signal);
    expect(steps.stop.mock.calls).toEqual([[signal]]);
    vi.advanceTimersByTime(GRACE_MS - 1);
    expect(steps.abort).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(steps.abort).toHaveBeenCalledOnce();
    expect(steps.exit).not.toHaveBeenCalled();
  });
});

describe('a second signal', () => {
  it.each([
    ['SIGTERM', 'SIGTERM'],
    ['SIGINT', 'SIGTERM'],
    ['SIGHUP', 'SIGINT'],
  ] as const)('exits at once (%s, then %s)', (first, second) => {
    const { steps, send } = listening();
    send(first);
    send(second);
    expect(steps.exit.mock.calls).toEqual([[second]]);
    expect(steps.stop).toHaveBeenCalledOnce();
    expect(steps.abort).not.toHaveBeenCalled();
  });

  it.each(['SIGTERM', 'SIGHUP'] as const)(
    'that is a SIGHUP changes nothing (after %s)',
    (first) => {
      const { steps, send } = listening();
      send(first);
      send('SIGHUP');
      expect(steps.stop.mock.calls).toEqual([[first]]);
      expect(steps.exit).not.toHaveBeenCalled();
    },
  );

  it('of Ctrl-C is taken for an echo when it comes at once, and for impatience later', () => {
    const { steps, send } = listening({ echoMs: 100 });
    send('SIGINT');
    vi.advanceTimersByTime(99);
    send('SIGINT');
    expect(steps.exit).not.toHaveBeenCalled();
    vi.advanceTimersByTime(100);
    send('SIGINT');
    expect(steps.exit.mock.calls).toEqual([['SIGINT']]);
  });

  it('exits after the grace period, too', () => {
    const { steps, send } = listening();
    send('SIGTERM');
    vi.advanceTimersByTime(GRACE_MS);
    send('SIGTERM');
    expect(steps.exit).toHaveBeenCalledOnce();
  });
});

describe('a shutdown on demand', () => {
  it('has the same grace period, and is begun once', () => {
    const { steps, shutdown } = listening();
    shutdown.begin('error');
    shutdown.begin('error');
    expect(steps.stop.mock.calls).toEqual([['error']]);
    vi.advanceTimersByTime(GRACE_MS);
    expect(steps.abort).toHaveBeenCalledOnce();
  });

  it('is cut short by a signal', () => {
    const { steps, shutdown, send } = listening();
    shutdown.begin('error');
    send('SIGTERM');
    expect(steps.exit.mock.calls).toEqual([['SIGTERM']]);
  });
});

describe('when the work has ended', () => {
  it('no grace period keeps the process alive', () => {
    const { steps, shutdown, send } = listening();
    send('SIGINT');
    shutdown.release();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(GRACE_MS);
    expect(steps.abort).not.toHaveBeenCalled();
  });

  it('signals are no longer ours', () => {
    const { source, steps, shutdown, send } = listening();
    shutdown.release();
    expect(source.eventNames()).toEqual([]);
    send('SIGTERM');
    expect(steps.stop).not.toHaveBeenCalled();
  });
});
