import { describe, expect, it } from 'vitest';
import type { FaultRecord } from '../chaos/faults.ts';
import type { Handling } from '../chaos/handlings.ts';
import { Random } from '../chaos/random.ts';
import { type History, recoveriesOf, takeOversOf } from '../chaos/recoveries.ts';
import { describeFault, drawSchedule } from '../chaos/schedule.ts';

const OPTIONS = { seconds: 60, daemons: 3, consumers: ['a', 'b'], everySeconds: 3 };

describe('a schedule', () => {
  it('is the same for the same seed, and another for another', () => {
    const draw = (seed: number) => drawSchedule(new Random(seed), OPTIONS);
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });

  it('has every kind of fault in each round, and ends in time', () => {
    const schedule = drawSchedule(new Random(1), OPTIONS);
    expect(new Set(schedule.slice(0, 7).map(({ fault }) => fault.kind)).size).toBe(5);
    expect(schedule.at(-1)?.at).toBeLessThan(60);
    for (const { fault } of schedule) expect(describeFault(fault)).not.toContain('undefined');
  });

  it('draws writers from the seed independently of it', () => {
    const random = new Random(1);
    const before = random.fork('writers').next();
    drawSchedule(random, OPTIONS);
    expect(random.fork('writers').next()).toBe(before);
  });
});

describe('how long a consumer was silent', () => {
  const target = { runs: undefined, daemon: 0 };
  const kill: FaultRecord = {
    fault: { kind: 'kill', target, downFor: 1 },
    pid: 1,
    at: 1_000,
    until: 2_000,
  };
  const restart: FaultRecord = {
    fault: { kind: 'restart', mode: 'fast', downFor: 1 },
    pid: undefined,
    at: 1_000,
    until: 2_000,
  };
  const handlings = (...entries: [pid: number, at: number][]): Handling[] =>
    entries.map(([pid, at], id) => ({ id, key: '', seq: 0, pid, at }));
  const history = (
    done: readonly Handling[],
    faults: readonly FaultRecord[],
    committedAt = 0,
  ): History => ({
    consumer: 'a',
    handlings: done,
    faults,
    committed: new Map(
      done.map(({ id }) => [id, { id, channel: 'c', key: '', seq: 0, at: committedAt }]),
    ),
  });
  const silence = (recoveries: readonly { milliseconds: number }[]) =>
    recoveries.map(({ milliseconds }) => milliseconds);

  it('is counted from the return of the server', () => {
    const done = handlings([1, 900], [1, 2_300]);
    expect(silence(recoveriesOf(history(done, [restart, kill])))).toEqual([300]);
  });

  it('is counted from the kill to the first handling by another process', () => {
    const done = handlings([1, 900], [1, 1_010], [2, 1_700], [2, 1_800]);
    expect(silence(takeOversOf(history(done, [kill, restart])))).toEqual([700]);
  });

  it('is counted only from when there was something to handle', () => {
    const done = handlings([1, 900], [2, 2_700]);
    expect(silence(takeOversOf(history(done, [kill], 2_600)))).toEqual([100]);
    expect(silence(recoveriesOf(history(done, [restart], 2_600)))).toEqual([100]);
  });

  it('is not counted when another process ran it, or nobody took over', () => {
    const others = [
      handlings([2, 900], [2, 1_700]),
      handlings([1, 900], [1, 1_700]),
      handlings([1, 900]),
    ];
    for (const done of others) expect(takeOversOf(history(done, [kill]))).toEqual([]);
  });

  it('is disturbed when another fault falls into it', () => {
    const done = handlings([1, 900], [2, 2_700]);
    const disturbed = (faults: readonly FaultRecord[]) =>
      takeOversOf(history(done, faults)).map((recovery) => recovery.disturbed);
    expect(disturbed([kill])).toEqual([false]);
    expect(disturbed([kill, restart])).toEqual([true]);
  });
});
