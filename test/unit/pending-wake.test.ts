import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PendingWake } from '../../src/wake/pending-wake.ts';

const NEVER = new AbortController().signal;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a wait', () => {
  it('ends with a wake', async () => {
    const wake = new PendingWake();
    const wait = wake.wait(1_000, NEVER);
    wake.wake();
    expect(await wait).toBe('woken');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('ends at once after a wake that nobody waited for', async () => {
    const wake = new PendingWake();
    wake.wake();
    expect(await wake.wait(1_000, NEVER)).toBe('woken');
  });

  it('is ended by many earlier wakes only once', async () => {
    const wake = new PendingWake();
    for (let i = 0; i < 5; i += 1) wake.wake();
    expect(await wake.wait(1_000, NEVER)).toBe('woken');
    const next = wake.wait(1_000, NEVER);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await next).toBe('timeout');
  });

  it('keeps a second wake for the next wait', async () => {
    const wake = new PendingWake();
    const wait = wake.wait(1_000, NEVER);
    wake.wake();
    wake.wake();
    expect(await wait).toBe('woken');
    expect(await wake.wait(1_000, NEVER)).toBe('woken');
  });

  it('ends after its time, and not before', async () => {
    const ended = vi.fn();
    const wait = new PendingWake().wait(1_000, NEVER).then(ended);
    await vi.advanceTimersByTimeAsync(999);
    expect(ended).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    await wait;
    expect(ended).toHaveBeenCalledWith('timeout');
  });

  it('without an end lasts until it is woken', async () => {
    const wake = new PendingWake();
    const ended = vi.fn();
    const wait = wake.wait(Number.POSITIVE_INFINITY, NEVER).then(ended);
    await vi.advanceTimersByTimeAsync(24 * 86_400_000);
    expect(ended).not.toHaveBeenCalled();
    wake.wake();
    await wait;
    expect(ended).toHaveBeenCalledWith('woken');
  });

  it('ends when its signal aborts, and leaves nothing behind', async () => {
    const wake = new PendingWake();
    const stop = new AbortController();
    const wait = wake.wait(1_000, stop.signal);
    stop.abort();
    expect(await wait).toBe('aborted');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not begin when its signal has aborted, and a wake stays for later', async () => {
    const wake = new PendingWake();
    wake.wake();
    expect(await wake.wait(1_000, AbortSignal.abort())).toBe('aborted');
    expect(await wake.wait(1_000, NEVER)).toBe('woken');
  });

  it('is not ended by the signal of an earlier one', async () => {
    const wake = new PendingWake();
    const stop = new AbortController();
    const first = wake.wait(1_000, stop.signal);
    wake.wake();
    await first;
    const second = wake.wait(1_000, NEVER);
    stop.abort();
    wake.wake();
    expect(await second).toBe('woken');
  });
});
