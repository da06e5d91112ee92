import { includes, intersection, partsOf, type Snapshot } from '../../cursor/snapshot.ts';
import { type Names, qualified } from '../../db/names.ts';
import { reading } from '../reading.ts';
import type { Finding, Patient } from './finding.ts';
import { readStoredCursors, type StoredConsumer, type StoredCursor } from './stored-cursors.ts';

const CHECK = 'cursors';

/**
 * Whether the stored cursors are such as the server has ever shown: a snapshot that sees a transaction
 * which is not over was made up, and passes over what that transaction commits.
 */
export async function checkCursors({ db }: Patient): Promise<readonly Finding[]> {
  const { pool, names } = db;
  const consumers = await reading(pool, (reader) => readStoredCursors(reader, names));
  const findings = consumers.flatMap((consumer) => [
    ...partitionFindings(consumer, names),
    ...consumer.cursors.flatMap((cursor) => cursorFindings(consumer, cursor, names)),
  ]);
  if (findings.length > 0) return findings;
  const number = consumers.reduce((sum, { cursors }) => sum + cursors.length, 0);
  const what = `${number} ${number === 1 ? 'cursor sees' : 'cursors see'} no transaction that is not over, and no notification that was not given out.`;
  return [{ check: CHECK, severity: 'ok', what }];
}

function partitionFindings(
  { id, name, partitions, cursors }: StoredConsumer,
  names: Names,
): Finding[] {
  const table = qualified(names, 'consumer_cursor');
  const there = new Set(cursors.map(({ partition }) => partition));
  const missing = Array.from({ length: partitions }, (_, n) => n).filter((n) => !there.has(n));
  const findings: Finding[] = [];
  if (missing.length > 0) {
    findings.push({
      check: CHECK,
      severity: 'problem',
      what: `${name} has ${partitions} partitions, and no cursor for ${missing.join(', ')}.`,
      why: 'What belongs there is handled by nobody. How far it was is not known: it begins where the consumer began.',
      mend: [
        `insert into ${table} (consumer_id, partition, channels, seen) select c.id, n, coalesce((select channels from ${table} where consumer_id = c.id limit 1), '{}'), c.start_seen from ${qualified(names, 'consumer')} c, unnest('{${missing.join(',')}}'::int[]) n where c.id = ${id};`,
      ],
    });
  }
  const beyond = cursors.filter(({ partition }) => partition >= partitions);
  if (beyond.length > 0) {
    findings.push({
      check: CHECK,
      severity: 'warning',
      what: `${name} has ${partitions} partitions, and cursors beyond them.`,
      mend: [`delete from ${table} where consumer_id = ${id} and partition >= ${partitions};`],
    });
  }
  const channels = new Set(cursors.map((cursor) => JSON.stringify([...cursor.channels].sort())));
  if (channels.size > 1) {
    findings.push({
      check: CHECK,
      severity: 'warning',
      what: `The partitions of ${name} do not have the same channels.`,
      why: 'Processes with different versions of the consumer run it. What belongs to a partition without the channel waits until it is claimed with it.',
      mend: ['-- restart the processes that run an older version of the consumer'],
    });
  }
  return findings;
}

function cursorFindings(consumer: StoredConsumer, cursor: StoredCursor, names: Names): Finding[] {
  const complaint = complaintOf(consumer, cursor);
  if (complaint === undefined) return [];
  const { what, why, seen } = complaint;
  const of = consumer.partitions === 1 ? '' : `, partition ${cursor.partition}`;
  return [
    {
      check: CHECK,
      severity: 'problem',
      what: `The cursor of ${consumer.name}${of} ${what}.`,
      why,
      // The epoch fences whoever holds the cursor in memory.
      mend: [
        `update ${qualified(names, 'consumer_cursor')} set seen = '${seen}', until = null, last_id = null, epoch = epoch + 1, lease_owner = null, lease_until = null where consumer_id = ${consumer.id} and partition = ${cursor.partition};`,
      ],
    },
  ];
}

interface Complaint {
  readonly what: string;
  readonly why: string;
  /** One that is sound: it repeats rather than passes over. */
  readonly seen: Snapshot;
}

function complaintOf(
  { startSeen }: StoredConsumer,
  { seen, until, lastId, now, lastGivenOut }: StoredCursor,
): Complaint | undefined {
  const why =
    'No snapshot of this server is like that. What those transactions commit would be passed over.';
  if (!includes(now, seen)) {
    return {
      what: `counts as settled ${unfinished(seen, now)}`,
      why,
      seen: intersection(seen, now),
    };
  }
  if (!includes(seen, startSeen)) {
    return {
      what: `sees less (${seen}) than what was there before the consumer began (${startSeen})`,
      why: 'Somebody has set it back by hand: what lies between counts as skipped, and is handled all the same.',
      seen: startSeen,
    };
  }
  if (until === undefined || lastId === undefined) return undefined;
  if (!includes(now, until)) {
    return { what: `plays back ${unfinished(until, now)}`, why, seen };
  }
  if (!includes(until, seen)) {
    return {
      what: `plays back to a snapshot (${until}) that sees less than what is settled (${seen})`,
      why: 'At its end, what is settled would be handled again.',
      seen,
    };
  }
  if (lastId > lastGivenOut) {
    return {
      what: `has come to id ${lastId}, and the last that was given out is ${lastGivenOut}`,
      why: 'All of the playback counts as settled.',
      seen,
    };
  }
  return undefined;
}

function unfinished(seen: Snapshot, now: Snapshot): string {
  const { xmax } = partsOf(seen);
  const current = partsOf(now);
  const running = current.xip.filter((xid) => xid < xmax && !partsOf(seen).xip.includes(xid));
  if (running.length > 0)
    return `transactions that are not over: ${running.slice(0, 5).join(', ')}`;
  return `transactions up to ${xmax - 1n}, and those from ${current.xmax} on are still to come`;
}
