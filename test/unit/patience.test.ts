import { describe, expect, it, vi } from 'vitest';
import { Misses, Patience, StoppedError } from '../../src/delivery/patience.ts';
import { gate } from '../support/delivery-fixture.ts';

/** Pauses take at most a millisecond; what a test waits for is the operation. */
function patience({ failFast = false, longestPauseMs = 1 } = {}) {
  const stop = new AbortController();
  const onLost = vi.fn();
  const onBack = vi.fn();
  const patient = new Patience({
    longestPauseMs,
    stopping: stop.signal,
    failFast,
    onLost,
    onBack,
  });
  return { patient, stop, onLost, onBack };
}

/** An operation that fails so often before it succeeds. */
function failing(times: number) {
  const errors = Array.from({ length: times }, (_, index) => new Error(`failure ${index + 1}`));
  const operation = vi.fn(async () => {
    const error = errors[operation.mock.calls.length - 1];
    if (error !== undefined) throw error;
    return 'result';
  });
  return { operation, errors };
}

const HOUR_MS = 3_600_000;

describe('an operation', () => {
  it('that succeeds is done, and nobody hears of it', async () => {
    const { patient, onLost, onBack } = patience();
    const { operation } = failing(0);
    expect(await patient.until(operation)).toBe('result');
    expect(operation).toHaveBeenCalledOnce();
    expect(onLost).not.toHaveBeenCalled();
    expect(onBack).not.toHaveBeenCalled();
  });

  it('is repeated until it succeeds; an outage is reported once, and its end once', async () => {
    const { patient, onLost, onBack } = patience();
    const { operation, errors } = failing(5);
    expect(await patient.until(operation)).toBe('result');
    expect(operation).toHaveBeenCalledTimes(6);
    expect(onLost.mock.calls).toEqual([[errors[0]]]);
    expect(onBack).toHaveBeenCalledOnce();
  });

  it('that fails after an outage has ended is another outage', async () => {
    const { patient, onLost, onBack } = patience();
    await patient.until(failing(2).operation);
    await patient.until(failing(0).operation);
    await patient.until(failing(1).operation);
    expect(onLost).toHaveBeenCalledTimes(2);
    expect(onBack).toHaveBeenCalledTimes(2);
  });
});

describe('several operations side by side', () => {
  it('an outage lasts until the last of them succeeds, whatever else succeeds meanwhile', async () => {
    const { patient, onLost, onBack } = patience();
    const end = gate();
    const writing = patient.until(async () => {
      await Promise.race([end.opened, Promise.reject(new Error('no space'))]);
    });
    for (let reads = 0; reads < 5; reads += 1) await patient.until(failing(1).operation);
    expect(onLost).toHaveBeenCalledOnce();
    expect(onBack).not.toHaveBeenCalled();
    end.open();
    await writing;
    expect(onLost).toHaveBeenCalledOnce();
    expect(onBack).toHaveBeenCalledOnce();
  });
});

describe('when stopping', () => {
  it('a pause ends at once, and nothing is tried again', async () => {
    const { patient, stop, onLost, onBack } = patience({ longestPauseMs: HOUR_MS });
    const { operation, errors } = failing(9);
    onLost.mockImplementation(() => setImmediate(() => stop.abort()));
    const stopped = await patient.until(operation).catch((error: unknown) => error);
    expect(stopped).toBeInstanceOf(StoppedError);
    expect(stopped).toMatchObject({ cause: errors[0] });
    expect(operation).toHaveBeenCalledOnce();
    expect(onBack).not.toHaveBeenCalled();
  });

  it('an operation has one try', async () => {
    const { patient, stop } = patience({ longestPauseMs: HOUR_MS });
    stop.abort();
    const { operation, errors } = failing(1);
    await expect(patient.until(operation)).rejects.toMatchObject({
      name: 'StoppedError',
      cause: errors[0],
    });
    expect(operation).toHaveBeenCalledOnce();
    expect(await patient.until(operation)).toBe('result');
  });
});

it('fails at the first error when told to fail fast', async () => {
  const { patient, onLost, onBack } = patience({ failFast: true });
  const { operation, errors } = failing(1);
  await expect(patient.until(operation)).rejects.toBe(errors[0]);
  expect(await patient.until(operation)).toBe('result');
  expect(onLost).not.toHaveBeenCalled();
  expect(onBack).not.toHaveBeenCalled();
});

describe('an operation that somebody else repeats', () => {
  it('is told of when it begins to fail, and when it works again', async () => {
    const told: string[] = [];
    const misses = new Misses({
      onLost: (error) => told.push(String(error)),
      onBack: () => told.push('back'),
    });
    const { operation } = failing(2);
    for (let attempt = 1; attempt <= 4; attempt += 1) {
      await misses.of(operation).catch(() => told.push('failed'));
    }
    expect(told).toEqual(['Error: failure 1', 'failed', 'failed', 'back']);
  });
});
