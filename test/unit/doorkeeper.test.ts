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

const NAMES = namesOf('pgwatch', 'public');

/** The session of a doorkeeper. `found` says what a look finds that comes after these calls. */
function officeSession(
  found: (calls: readonly string[]) => string[],
  mayLock: (calls: readonly string[]) => boolean,
) {
  const calls = new EventLog<string>();
  const session: DoorkeeperSession = {
    client: Object.assign(new pg.Client(), {
      query: async ({ name }: { name: string }) => {
        const channels = found(calls.all);
        calls.add('look');
        const rows = channels.map((channel, index) => [
          index + 1,
          channel,
          null,
          '{}',
          0,
          null,
          '9',
        ]);
        return {
          rows:
            name === 'pgwatch_fetch_news'
              ? [[null, '10:10:', null, null, null, null, null], ...rows]
              : [['10:10:', channels.length, channels]],
        };
      },
    }),
    lockShared: async () => {},
    async tryLock(lock) {
      if (lock !== NAMES.doorbellLock) return true;
      const locked = mayLock(calls.all);
      calls.add(locked ? 'lock' : 'no lock');
      return locked;
    },
    async unlock() {
      calls.add('unlock');
    },
    notify: async () => {},
    othersHold: async () => false,
    ping: async () => {},
    terminateHolders: async () => true,
  };
  return { session, calls };
}

async function keepTheDoor(
  { session, calls }: ReturnType<typeof officeSession>,
  until: (calls: readonly string[]) => boolean,
) {
  const router = new WakeRouter();
  router.add({ wake: () => calls.add('ring') }, ['a']);
  const stopping = new AbortController();
  const running = new Doorkeeper(session, NAMES, router, () => {}).run(stopping.signal);
  await calls.until((all) => until(all));
  stopping.abort();
  await running;
  return calls.all;
}

test('a doorkeeper looks once more behind the lock before it sleeps, and rings for what it finds', async () => {
  const office = officeSession(
    (calls) => (calls.at(-1) === 'lock' ? ['a'] : []),
    (calls) => !calls.includes('lock'),
  );
  const calls = await keepTheDoor(office, (all) => all.includes('unlock'));
  const locked = calls.indexOf('lock');
  expect(calls.slice(locked, locked + 4)).toEqual(['lock', 'look', 'ring', 'unlock']);
});

test('a doorkeeper stays awake while a writer holds the lock', async () => {
  const office = officeSession(
    () => [],
    () => false,
  );
  const calls = await keepTheDoor(
    office,
    (all) => all.filter((call) => call === 'no lock').length === 3,
  );
  const first = calls.indexOf('no lock');
  expect(calls.slice(first, first + 5)).toEqual(['no lock', 'look', 'no lock', 'look', 'no lock']);
});
