import { shellWord } from '../../shell-word.ts';
import { reading } from '../reading.ts';
import type { Finding, Patient } from './finding.ts';
import { IDS_NAMED, type LogWalk, type WalkedConsumer, walkLog } from './log-walk.ts';

const CHECK = 'proof';

/** Of one slice of the log; it takes about a second. */
const SLICE_TIMEOUT_MS = 300_000;

/**
 * The proof over the log that no committed row was passed over, as far as a database can give it; what
 * it shows and what it cannot stands in docs/reliability.md.
 */
export async function proveLog({ db }: Patient): Promise<readonly Finding[]> {
  const began = performance.now();
  const walk = await reading(db.pool, (reader) => walkLog(reader, db.names), {
    planFreely: true,
    statementTimeoutMs: SLICE_TIMEOUT_MS,
  });
  const findings = walk.consumers.flatMap((consumer) => [
    ...lateOf(consumer, walk),
    ...homelessOf(consumer),
  ]);
  if (findings.length > 0) return findings;
  return [provenBy(walk, (performance.now() - began) / 1000)];
}

function lateOf({ consumer, late }: WalkedConsumer, { commitsAreTimed }: LogWalk): Finding[] {
  if (late.count === 0) return [];
  const more = late.count > late.ids.length ? ` (the first ${IDS_NAMED} of them)` : '';
  return [
    {
      check: CHECK,
      severity: 'problem',
      what: `${consumer} has passed over ${late.count} ${late.count === 1 ? 'notification' : 'notifications'}: its cursor counts them as handled, and was stored before they were ${commitsAreTimed ? 'committed' : 'written'}.`,
      why: "The cursor was changed by hand, or the server's clock was set back meanwhile (see clock).",
      mend: [
        `pgwatch replay --consumer ${shellWord(consumer)} --id ${late.ids.join(',')}${more === '' ? '' : `   #${more}`}`,
      ],
    },
  ];
}

function homelessOf({ consumer, homeless }: WalkedConsumer): Finding[] {
  if (homeless.count === 0) return [];
  return [
    {
      check: CHECK,
      severity: 'problem',
      what: `${homeless.count} notifications on channels of ${consumer} belong to none of its cursors, beginning with ${homeless.ids.slice(0, 5).join(', ')}.`,
      why: 'A partition has no cursor, or not that channel (see cursors).',
      mend: ['-- mend what is found of its cursors'],
    },
  ];
}

function provenBy(
  { notifications, consumers, commitsAreTimed }: LogWalk,
  seconds: number,
): Finding {
  const counts = consumers.map(({ consumer, states }) => {
    const parts = Object.entries(states).filter(([, count]) => count > 0);
    return `${consumer}: ${parts.map(([state, count]) => `${count} ${state}`).join(', ')}`;
  });
  return {
    check: CHECK,
    severity: 'ok',
    what: `${notifications} notifications were looked at, in ${seconds.toFixed(1)} s. For each consumer that has its channel, each is exactly one of pending, handled, retrying, dead and skipped, and none that counts as handled was ${commitsAreTimed ? 'committed' : 'written'} after the cursor was stored.${counts.length === 0 ? '' : ` ${counts.join('; ')}.`}`,
    why: commitsAreTimed
      ? 'Together with the check of the cursors: no cursor, as it stands, passes over a committed row. That a handler was called leaves no trace that could be looked at, nor does what earlier cursors did.'
      : 'Commits cannot be timed (track_commit_timestamp is off): of a row that was written before the cursor was stored, and committed after, only the check of the cursors tells, while its transaction runs. That a handler was called leaves no trace that could be looked at, nor does what earlier cursors did.',
  };
}
