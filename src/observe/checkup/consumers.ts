import { shellWord } from '../../shell-word.ts';
import { type ConsumerStatus, readConsumers } from '../consumer-status.ts';
import { reading } from '../reading.ts';
import type { Finding, Patient } from './finding.ts';
import { spanText } from './span.ts';

const CHECK = 'consumers';
const PAUSED_LONG_SECONDS = 24 * 3600;
const BEHIND_LONG_SECONDS = 3600;
/** A run from cron may leave something that long. */
const STOPPED_LONG_SECONDS = 15 * 60;

/** Whether each consumer is run, keeps up, and has nothing that waits for a decision. */
export async function checkConsumers({ db, settings }: Patient): Promise<readonly Finding[]> {
  const consumers = await reading(db.pool, (reader) => readConsumers(reader, db.names));
  const findings = consumers.flatMap((one) => [...stateOf(one), ...deadOf(one)]);
  if (settings.consumers !== undefined) {
    findings.push(...strangersOf(consumers, settings.consumers));
  }
  if (consumers.length === 0) {
    const what = 'No consumer has run on this database yet.';
    return [{ check: CHECK, severity: 'note', what, mend: ['pgwatch listen'] }];
  }
  if (findings.length > 0) return findings;
  const what = `${consumers.length} ${consumers.length === 1 ? 'consumer is' : 'consumers are'} run, and level with the log.`;
  return [{ check: CHECK, severity: 'ok', what }];
}

function stateOf(status: ConsumerStatus): Finding[] {
  const { consumer, state, pending, retrying, oldest, pausedAt, at } = status;
  // Much had to be looked through: it has not been run for long.
  const isCounted = pending !== undefined;
  const waits = !isCounted || pending + retrying > 0;
  const waiting = `${pendingText(status)}, ${retrying} to be retried`;
  const age = oldest === undefined ? 0 : secondsBetween(oldest, at);
  const listen = [`pgwatch listen --consumers ${shellWord(consumer)}`];
  switch (state) {
    case 'no owner':
      return [
        {
          check: CHECK,
          severity: waits ? 'problem' : 'warning',
          what: `${consumer} has no owner: whoever ran it has died, and nobody has taken over; ${waiting}.`,
          mend: listen,
        },
      ];
    case 'stopped':
      return [
        {
          check: CHECK,
          severity: waits && (age > STOPPED_LONG_SECONDS || !isCounted) ? 'warning' : 'note',
          what: `${consumer} is run by nobody; ${waiting}${age > 0 ? `, the oldest for ${spanText(age)}` : ''}.`,
          mend: listen,
        },
      ];
    case 'paused': {
      const since = pausedAt === undefined ? 0 : secondsBetween(pausedAt, at);
      return [
        {
          check: CHECK,
          severity: since > PAUSED_LONG_SECONDS ? 'warning' : 'note',
          what: `${consumer} is paused for ${spanText(since)}; ${waiting}.`,
          why: 'What it has not handled stays in the log, which grows.',
          mend: [`pgwatch resume ${shellWord(consumer)}`],
        },
      ];
    }
    case 'catching up':
      if (isCounted && age < BEHIND_LONG_SECONDS) return [];
      return [
        {
          check: CHECK,
          severity: 'warning',
          what: `${consumer} is ${isCounted ? `${spanText(age)} behind` : 'behind'}; ${waiting}.`,
          why: 'It is slower than what comes, or one notification holds it up.',
          mend: ['pgwatch status --watch', '-- then more concurrency, handleBatch or partitions'],
        },
      ];
    case 'live':
      return [];
    default:
      return state satisfies never;
  }
}

function pendingText({ pending, atLeast }: ConsumerStatus): string {
  return pending === undefined
    ? 'how many are pending could not be counted in time'
    : `${pending}${atLeast ? '+' : ''} pending`;
}

function deadOf({ consumer, dead, lastError }: ConsumerStatus): Finding[] {
  if (dead === 0) return [];
  return [
    {
      check: 'dead letters',
      severity: 'warning',
      what: `${consumer} has ${dead} dead ${dead === 1 ? 'letter' : 'letters'}${lastError === undefined ? '' : `; its last error: ${lastError.error}`}.`,
      why: 'Nobody attempts them again, and clean-up keeps them.',
      mend: [
        `pgwatch replay --consumer ${shellWord(consumer)} --dead`,
        '-- or give them up:',
        `pgwatch discard --consumer ${shellWord(consumer)} --dead`,
      ],
    },
  ];
}

/** Nobody runs them any more, and clean-up waits for them. */
function strangersOf(consumers: readonly ConsumerStatus[], known: readonly string[]): Finding[] {
  return consumers
    .filter(({ consumer, state }) => !known.includes(consumer) && state !== 'live')
    .map(({ consumer }) => ({
      check: CHECK,
      severity: 'warning',
      what: `${consumer} is registered, and is none of this project's consumers.`,
      why: 'While it is registered, clean-up keeps what it has not handled.',
      mend: [`pgwatch forget ${shellWord(consumer)}   # unless another project runs it`],
    }));
}

/** Of two times of the server: this machine's clock may be another. */
function secondsBetween(earlier: Date, later: Date): number {
  return Math.max(0, (later.getTime() - earlier.getTime()) / 1000);
}
