import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { DeliveryFixture, gate, happened } from '../support/delivery-fixture.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';

const fixture = new DeliveryFixture();

async function restart(): Promise<unknown[]> {
  const { consumer, received } = recordingConsumer(fixture.name(), [fixture.name()]);
  await fixture.start([consumer], { once: true }).ended;
  return received.all.map(({ data }) => data);
}

it('lets the running handler finish, begins no other and repeats nothing', async () => {
  const [begun, finish] = [gate(), gate()];
  const { consumer, received } = recordingConsumer(fixture.name(), [fixture.name()], {
    handle: async () => {
      begun.open();
      await finish.opened;
    },
  });
  for (const n of [1, 2, 3]) await fixture.notify(n);
  const daemon = fixture.start([consumer]);
  await begun.opened;
  const stopped = daemon.stop();
  finish.open();
  await stopped;
  expect(received.all.map(({ data }) => data)).toEqual([1]);
  expect(await restart()).toEqual([2, 3]);
});

it('aborts a handler through its signal, and gives its notification again', async () => {
  const begun = gate();
  const { consumer } = recordingConsumer(fixture.name(), [fixture.name()], {
    handle: (_, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
        begun.open();
      }),
  });
  await fixture.notify('unfinished');
  const daemon = fixture.start([consumer]);
  await begun.opened;
  daemon.abort();
  await daemon.ended;
  expect(await fixture.redeliveries(fixture.name())).toEqual([]); // it was no failed attempt
  expect(await restart()).toEqual(['unfinished']);
});

it('leaves a handler behind that never returns', async () => {
  const begun = gate();
  const { consumer } = recordingConsumer(fixture.name(), [fixture.name()], {
    handle: () => {
      begun.open();
      return new Promise(() => {});
    },
  });
  await fixture.notify('stuck');
  const daemon = fixture.start([consumer]);
  await begun.opened;
  daemon.abort();
  await daemon.ended;
  expect(await restart()).toEqual(['stuck']);
});

it('hands the leases over, so that the next process starts at once', async () => {
  const first = recordingConsumer(fixture.name(), [fixture.name()]);
  const daemon = await fixture.startLive([first.consumer]);
  await daemon.stop();
  await happened(daemon, 'released');
  const { rows } = await fixture.database.query(
    'select lease_owner from pgwatch.consumer_cursor k join pgwatch.consumer c on c.id = k.consumer_id where c.name = $1',
    [fixture.name()],
  );
  expect(rows).toEqual([{ lease_owner: null }]);
});

it('at any moment of a start ends at once', async () => {
  const { consumer } = recordingConsumer(fixture.name(), [fixture.name()]);
  for (let turns = 1; turns < 5_000; turns = Math.ceil(turns * 1.2)) {
    const daemon = fixture.start([consumer]);
    for (let turn = 0; turn < turns; turn += 1) await nextTurn();
    await daemon.stop();
  }
});
