import { bareRow } from '../contenders/bare-row.ts';
import {
  type Contender,
  createChanges,
  installed,
  noTrigger,
  writeChanges,
} from '../contenders/contender.ts';
import { graphileTuned } from '../contenders/graphile.ts';
import { bareListen } from '../contenders/notify.ts';
import { original } from '../contenders/original.ts';
import { pgBoss } from '../contenders/pg-boss.ts';
import { pgwatch } from '../contenders/pgwatch.ts';
import {
  besideContender,
  fullOnly,
  type Measure,
  type Scale,
  type Turn,
} from '../harness/measure.ts';
import type { Template } from '../harness/site.ts';
import { LOAD_DRIVER, updateRandomRows } from '../harness/update-load.ts';
import type { Worker } from '../harness/worker.ts';

const CLIENTS = [1, 8, 32];
/** What keeps up has handled everything so soon after the last commit. */
const CATCH_UP_SECONDS = 5;

interface Writing {
  /** Without a process that handles what is written. */
  readonly alone?: boolean;
  /** Its process has to keep up. */
  readonly keepsUp?: boolean;
}

const TABLE = 'writers';

export const writers: Measure = {
  name: 'writers',
  seconds: { full: 300, quick: 8 },
  tables: [
    {
      name: TABLE,
      title: 'Burden on writers: single-row updates',
      unit: 'commits/s',
      better: 'higher',
      note: `Each client updates one random row of a small table after another, each a transaction (by ${LOAD_DRIVER}, on the same machine). The process that handles the changes runs meanwhile; pgwatch is held to have handled all of them ${CATCH_UP_SECONDS} s after the last commit, the others are not. "A row in a log" is the least that a trigger can do who keeps changes: it inserts old and new values as JSON, and tells nobody. A quick run has 8 clients only, and of the others only pg-boss.`,
      floor: besideContender(noTrigger.name),
      targets: [
        ...CLIENTS.map((clients) => ({
          variant: variantOf(clients),
          contender: pgwatch.name,
          beside: { contender: noTrigger.name },
          atLeast: 0.85,
        })),
        {
          variant: variantOf(32),
          contender: pgwatch.name,
          beside: { contender: original.name },
          atLeast: 4,
        },
      ],
    },
  ],
  turns: (scale) =>
    scale
      .of(CLIENTS, [8])
      .flatMap((clients) => [
        writing(scale, clients, noTrigger, { alone: true }),
        writing(scale, clients, bareRow, { alone: true }),
        writing(scale, clients, pgwatch, { keepsUp: true }),
        writing(scale, clients, { ...pgwatch, name: 'pgwatch, no daemon' }, { alone: true }),
        fullOnly(writing(scale, clients, original)),
        fullOnly(writing(scale, clients, bareListen)),
        fullOnly(writing(scale, clients, graphileTuned)),
        writing(scale, clients, pgBoss),
      ]),
};

function writing(
  scale: Scale,
  clients: number,
  contender: Contender,
  { alone = false, keepsUp = false }: Writing = {},
): Turn {
  const variant = variantOf(clients);
  const rows = scale.of(100_000, 10_000);
  return {
    name: `${contender.name}, ${variant}`,
    template: updatedTable(contender, rows),
    async run(site, record) {
      await site.client.query('checkpoint');
      const worker = alone ? undefined : await contender.start(site);
      const load = { clients, rows, seconds: scale.of(10, 1) };
      const { commits, perSecond } = await updateRandomRows(site, load);
      if (worker !== undefined && keepsUp) await assertCaughtUp(worker, commits);
      record({ table: TABLE, contender: contender.name, variant, value: perSecond });
    },
  };
}

/** Rows from before anybody followed the table: their writing is nobody's backlog. */
function updatedTable(contender: Contender, rows: number): Template {
  return {
    ...installed(contender),
    name: `${contender.name}, a table of ${rows}`,
    async prepare(site) {
      await createChanges(site);
      await writeChanges(site, rows);
      await contender.install(site);
      await site.client.query('vacuum analyze');
    },
  };
}

function variantOf(clients: number): string {
  return clients === 1 ? '1 client' : `${clients} clients`;
}

/** @throws when it has not handled as many, shortly after the last of them was written */
async function assertCaughtUp(worker: Worker, commits: number): Promise<void> {
  const deadline = performance.now() + CATCH_UP_SECONDS * 1_000;
  for (;;) {
    const { count } = await worker.report();
    if (count >= commits) return;
    if (performance.now() > deadline) {
      throw new Error(
        `${CATCH_UP_SECONDS} s after the last of ${commits} commits, ${count} are handled.`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
