import pg from 'pg';
import { type Committed, readCommitted, readDeadLetters, readSequences } from './committed.ts';
import { CONSUMERS } from './consumers.ts';
import type { FaultRecord } from './faults.ts';
import type { Field } from './field.ts';
import { readHandlings } from './handlings.ts';
import { checkLog } from './log-check.ts';
import { recoveriesOf, takeOversOf } from './recoveries.ts';
import { unexplainedRepeats } from './repeats.ts';
import type { ChaosReport, ConsumerReport } from './report.ts';
import { judge } from './verdict.ts';

type Findings = Pick<ChaosReport, 'committed' | 'log' | 'consumers' | 'recoveries' | 'takeOvers'>;

/** Reads what was committed and what was handled, when all is at rest, and compares. */
export async function examine(
  { server, project }: Field,
  seed: number,
  faults: readonly FaultRecord[],
): Promise<Findings> {
  const pool = new pg.Pool({ connectionString: server.url });
  try {
    const committed = await readCommitted(pool);
    const deadLetters = await readDeadLetters(pool);
    const consumers: ConsumerReport[] = [];
    const recoveries = [];
    const takeOvers = [];
    for (const consumer of CONSUMERS) {
      const { id, inOrder, exactlyOnce } = consumer;
      const handlings = await readHandlings(consumer, project.records, pool);
      const verdict = judge({
        committed: onChannels(committed, consumer.channels),
        handlings,
        deadLetters: deadLetters.get(id) ?? new Set(),
        isCondemned: (notificationId) => consumer.isCondemned(seed, notificationId),
      });
      const unexplained = unexplainedRepeats(handlings, faults);
      consumers.push({ consumer: id, inOrder, exactlyOnce, unexplained, ...verdict });
      const history = { consumer: id, handlings, committed, faults };
      recoveries.push(...recoveriesOf(history));
      if (!consumer.isShared) takeOvers.push(...takeOversOf(history));
    }
    return {
      committed: committed.size,
      log: checkLog(committed.values(), await readSequences(pool)),
      consumers,
      recoveries,
      takeOvers,
    };
  } finally {
    await pool.end();
  }
}

function onChannels(
  committed: ReadonlyMap<number, Committed>,
  channels: readonly string[],
): Map<number, Committed> {
  return new Map([...committed].filter(([, { channel }]) => channels.includes(channel)));
}
