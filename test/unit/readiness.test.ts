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
