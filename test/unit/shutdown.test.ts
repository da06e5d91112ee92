import { EventEmitter } from 'node:events';
import { constants } from 'node:os';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { onShutdownSignals } from '../../src/lifecycle/shutdown.ts';

const GRACE_MS = 10_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function listening() {
  const source = new EventEmitter();
  const steps = { stop: vi.fn(), abort: vi.fn(), exit: vi.fn() };
  const off = onShutdownSignals({ ...steps, graceMs: GRACE_MS }, source);
  /** As the process does it. */
  const send = (signal: NodeJS.Signals) => source.emit(signal, signal, constants.signals[signal]);
  return { source, steps, off, send };
}

describe.each(['SIGTERM', 'SIGINT'] as const)('%s', (signal) => {
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
  ] as const)('exits at once (%s, then %s)', (first, second) => {
    const { steps, send } = listening();
    send(first);
    send(second);
    expect(steps.exit.mock.calls).toEqual([[second]]);
    expect(steps.stop).toHaveBeenCalledOnce();
    expect(steps.abort).not.toHaveBeenCalled();
  });

  it('exits after the grace period, too', () => {
    const { steps, send } = listening();
    send('SIGTERM');
    vi.advanceTimersByTime(GRACE_MS);
    send('SIGTERM');
    expect(steps.exit).toHaveBeenCalledOnce();
  });
});

describe('when the work has ended', () => {
  it('no grace period keeps the process alive', () => {
    const { steps, off, send } = listening();
    send('SIGINT');
    off();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(GRACE_MS);
    expect(steps.abort).not.toHaveBeenCalled();
  });

  it('signals are no longer ours', () => {
    const { source, steps, off, send } = listening();
    off();
    expect(source.eventNames()).toEqual([]);
    send('SIGTERM');
    expect(steps.stop).not.toHaveBeenCalled();
  });
});
