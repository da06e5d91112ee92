import { backlog } from '../contenders/contender.ts';
import { pgwatch } from '../contenders/pgwatch.ts';
import {
  besideContender,
  fullOnly,
  type Measure,
  type Table,
  type Turn,
} from '../harness/measure.ts';
import { PacedWriter } from '../harness/paced-writer.ts';

const VARIANT = 'the same channel';
const DRAIN = 'many-consumers-drain';
const LIVE = 'many-consumers-live';
const RATE = 500;

export const manyConsumers: Measure = {
  name: 'many-consumers',
  seconds: { full: 100, quick: 5 },
  repeats: 2,
  tables: [
    table({
      name: DRAIN,
      title: 'Drain a backlog of 100,000 with several consumers in one process',
      unit: 's',
      note: 'From the first notification to the last of all consumers; handlers do nothing. A quick run is without the one of 10.',
    }),
    table({
      name: LIVE,
      title: 'Several consumers of live traffic in one process',
      unit: 'processor seconds for 10,000',
      note: 'Processor time of the daemon while 500 rows are written a second, each in a transaction of its own.',
    }),
  ],
  turns: (scale) => {
    const amounts = {
      rows: scale.of(100_000, 5_000),
      warmUp: scale.of(500, 100),
      live: scale.of(10_000, 400),
    };
    return [turn(1, amounts), fullOnly(turn(10, amounts)), turn(50, amounts)];
  },
};

function table(about: Pick<Table, 'name' | 'title' | 'unit' | 'note'>): Table {
  return {
    ...about,
    better: 'lower',
    floor: besideContender(name(1)),
    targets: [{ variant: VARIANT, contender: name(50), beside: { contender: name(1) }, atMost: 5 }],
  };
}

function name(consumers: number): string {
  return `pgwatch, ${consumers} ${consumers === 1 ? 'consumer' : 'consumers'}`;
}

/** How many rows wait, are written to warm up, and are written to be measured. */
interface Amounts {
  readonly rows: number;
  readonly warmUp: number;
  readonly live: number;
}

function turn(consumers: number, { rows, warmUp, live }: Amounts): Turn {
  return {
    name: name(consumers),
    template: backlog(pgwatch, rows),
    async run(site, record) {
      const worker = await pgwatch.start(site, { consumers, expect: rows * consumers });
      const line = { contender: name(consumers), variant: VARIANT };
      const { firstAt, lastAt } = await worker.done;
      record({ ...line, table: DRAIN, value: (lastAt - firstAt) / 1000 });
      const writer = await PacedWriter.open(site);
      await writer.write({ rate: RATE, rows: warmUp });
      const before = await worker.report();
      await writer.write({ rate: RATE, rows: live });
      const after = await worker.report();
      record({ ...line, table: LIVE, value: ((after.cpuMs - before.cpuMs) / live) * 10 });
    },
  };
}
