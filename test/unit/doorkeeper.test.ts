import pg from 'pg';
import { expect, test } from 'vitest';
import { namesOf } from '../../src/db/names.ts';
import { Doorkeeper, type DoorkeeperSession } from '../../src/wake/doorkeeper.ts';
import { WakeRouter } from '../../src/wake/wake-router.ts';
import { EventLog } from '../support/event-log.ts';

/**
 * The session of a watching process that finds a row of the channel `a` at each look, and reads
 * `pending` from its socket at the next round trip.
 */
function watchingSession(read: () => void) {
  const calls = new EventLog<string>();
  const session: DoorkeeperSession = {
    client: Object.assign(new pg.Client(), {
      query: async () => {
        calls.add('look');
        return { rows: [['10:10:', 1, ['a']]] };
      },
    }),
    lockShared: async () => {},
    tryLock: async () => false,
    unlock: async () => {},
    notify: async () => {},
    othersHold: async () => true,
    async ping() {
      calls.add('ping');
      read();
    },
    async terminateHolders() {
      calls.add('terminate');
      return true;
    },
  };
  return { session, calls };
}

async function watch(onRead: (doorkeeper: Doorkeeper, reads: number) => void, until: string) {
  let reads = 0;
  const { session, calls } = watchingSession(() => {
    reads += 1;
    onRead(doorkeeper, reads);
  });
  const doorkeeper: Doorkeeper = new Doorkeeper(
    session,
    namesOf('pgwatch', 'public'),
    new WakeRouter(),
    () => {},
  );
  const stopping = new AbortController();
  const running = doorkeeper.run(stopping.signal);
  await calls.until((all) => all.slice(2).includes(until));
  stopping.abort();
  await running;
  return calls.all.slice(1); // without the first look of a start
}

test('a watching process that was frozen reads what it was rung before it blames anybody', async () => {
  const calls = await watch((doorkeeper) => doorkeeper.hear('a'), 'look');
  expect(calls).toEqual(['look', 'ping', 'look']);
});

test('where all processes were frozen, the doorkeeper gets another second', async () => {
  const calls = await watch((doorkeeper, reads) => {
    if (reads === 2) doorkeeper.hear('');
  }, 'look');
  expect(calls).toEqual(['look', 'ping', 'ping', 'look']);
});

test('a doorkeeper that never rings is ended', async () => {
  const calls = await watch(() => {}, 'terminate');
  expect(calls).toEqual(['look', 'ping', 'ping', 'terminate']);
});
