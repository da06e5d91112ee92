import { expect, it, vi } from 'vitest';
import { Readiness } from '../../src/cli/readiness.ts';

const claimed = (consumer: string) =>
  ({
    type: 'claimed',
    consumer,
    epoch: 1,
    gainedChannels: [],
    scheduled: 0,
    lostChannels: [],
    dropped: 0,
  }) as const;

it('comes when something wakes the process and each consumer has its place, in any order', () => {
  const onReady = vi.fn();
  const readiness = new Readiness(['a', 'b'], onReady);
  readiness.noteDelivery(claimed('a'));
  readiness.noteListener({ type: 'listening' });
  readiness.noteDelivery(claimed('a'));
  expect(onReady).not.toHaveBeenCalled();
  readiness.noteDelivery({
    type: 'waiting-for-lease',
    consumer: 'b',
    owner: 'another',
    secondsLeft: 9,
  });
  expect(onReady).toHaveBeenCalledOnce();

  const other = vi.fn();
  const polling = new Readiness(['a'], other);
  polling.noteDelivery(claimed('a'));
  expect(other).not.toHaveBeenCalled();
  polling.noteListener({ type: 'polling', pollSeconds: 1 });
  expect(other).toHaveBeenCalledOnce();
});

it('comes once, whatever is lost and comes back', () => {
  const onReady = vi.fn();
  const readiness = new Readiness(['a'], onReady);
  for (let time = 1; time <= 2; time += 1) {
    readiness.noteDelivery({ type: 'database-lost', consumer: 'a', error: new Error('gone') });
    readiness.noteListener({ type: 'listen-lost', error: new Error('gone') });
    readiness.noteListener({ type: 'listening' });
    readiness.noteDelivery(claimed('a'));
  }
  expect(onReady).toHaveBeenCalledOnce();
});

const owners = (consumer: string, partitions: number, unowned: number, isPaused = false) => ({
  consumer,
  partitions,
  unowned,
  isPaused,
});

it('says when asked what is missing, and that it is there again', async () => {
  const readiness = new Readiness(['a', 'b', 'p'], () => {});
  expect(await readiness.report(async () => undefined)).toEqual({
    ready: false,
    reasons: [
      'nothing wakes this process: it has no LISTEN session that has heard its own NOTIFY',
      'consumer a: has no place yet',
      'consumer b: has no place yet',
      'consumer p: has no place yet',
      'the database gives no answer',
    ],
  });
  readiness.noteListener({ type: 'listening' });
  readiness.noteDelivery(claimed('a'));
  readiness.noteDelivery(claimed('b'));
  readiness.noteDelivery({ type: 'paused', consumer: 'p' });
  const paused = owners('p', 1, 1, true);
  const owned = async () => [owners('a', 1, 0), owners('b', 2, 0), paused];
  expect(await readiness.report(owned)).toEqual({ ready: true, reasons: [] });

  const orphaned = async () => [owners('a', 1, 1), owners('b', 2, 1), paused];
  expect(await readiness.report(orphaned)).toEqual({
    ready: false,
    reasons: ['consumer a: nobody runs it', 'consumer b: nobody runs 1 of its 2 partitions'],
  });
  expect(await readiness.report(async () => [paused])).toMatchObject({ ready: false });

  readiness.noteListener({ type: 'listen-lost', error: new Error('gone') });
  expect(await readiness.report(owned)).toMatchObject({ ready: false });
  readiness.noteListener({ type: 'listening' });
  expect(await readiness.report(owned)).toMatchObject({ ready: true });
});
