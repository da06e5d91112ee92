import { createChanges, writeChanges } from '../contenders/contender.ts';
import { pgwatch } from '../contenders/pgwatch.ts';
import type { Measure, Turn } from '../harness/measure.ts';
import { PacedWriter } from '../harness/paced-writer.ts';

const DRAIN = 'drain, seconds';
const LIVE = 'live, processor seconds of the daemon for 10,000';
const LIVE_PACE = { rate: 500 };

export const manyConsumers: Measure = {
  name: 'many-consumers',
  title: 'Consumers of the same channel in one process',
  unit: 's',
  better: 'lower',
  note: 'Drain: from the first notification to the last of all consumers, of a backlog of 100,000; handlers do nothing. Live: processor time of the daemon while 500 rows are written a second, each in a transaction of its own.',
  turns: (scale) =>
    [1, 10, 50].map((consumers) =>
      turn(consumers, scale.of(100_000, 10_000), scale.of(10_000, 1_000)),
    ),
  targets: [DRAIN, LIVE].map((variant) => ({
    variant,
    contender: name(50),
    beside: { contender: name(1) },
    atMost: 5,
  })),
};

function name(consumers: number): string {
  return `pgwatch, ${consumers} ${consumers === 1 ? 'consumer' : 'consumers'}`;
}

function turn(consumers: number, backlog: number, live: number): Turn {
  return {
    name: name(consumers),
    async run(site) {
      await createChanges(site);
      await pgwatch.install(site);
      await writeChanges(site, backlog);
      const worker = await pgwatch.start(site, { consumers, expect: backlog * consumers });
      const { firstAt, lastAt } = await worker.done;
      const writer = await PacedWriter.open(site);
      const { rate } = LIVE_PACE;
      await writer.write({ rate, rows: rate });
      const before = await worker.report();
      await writer.write({ rate, rows: live });
      const after = await worker.report();
      const contender = name(consumers);
      return [
        { contender, variant: DRAIN, value: (lastAt - firstAt) / 1000 },
        { contender, variant: LIVE, value: ((after.cpuMs - before.cpuMs) / live) * 10 },
      ];
    },
  };
}
