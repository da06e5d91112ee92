import { formatSpan } from '../format.ts';
import { visible } from '../log-line.ts';
import type { AbsentNotification } from '../observe/missing-notification.ts';
import type { OldestWriter } from '../observe/oldest-writer.ts';

/** Why the log has no such notification, for people. */
export function absenceText(absent: AbsentNotification): string {
  const lines = [
    `The log has no notification ${absent.id}. ${reasonOf(absent)}`,
    ...absent.writers.map((writer) => `  ${writerText(writer)}`),
    ...neighbourOf(absent),
  ];
  return lines.map((line) => `${visible(line)}\n`).join('');
}

function reasonOf({ absence, lowestId, highestId, lastGivenOut, writers }: AbsentNotification) {
  switch (absence) {
    case 'cleaned up':
      return lowestId === 0
        ? 'It holds none at all: it was cleaned up, or its transaction has not committed.'
        : `The lowest is ${lowestId}: it was cleaned up, or its transaction has not committed.`;
    case 'never given out':
      return lastGivenOut === 0
        ? 'No id was given out yet.'
        : `It was never given out: the last id that was is ${lastGivenOut}.`;
    case 'unknown':
      return `The highest is ${highestId}. Whether it was given out, this role cannot find out: it may not read the sequence.`;
    case 'perhaps open':
      return writers.length > 0
        ? 'Perhaps a transaction that still runs has taken it; it appears when that commits, and is handled then:'
        : 'Perhaps a transaction that still runs has taken it, or it was rolled back: this role sees no transactions of others (pg_read_all_stats).';
    case 'over':
      return 'No transaction runs that could have taken it: it was rolled back, was left out in a crash of the server, or was cleaned up. Nothing waits for it.';
    default:
      return absence satisfies never;
  }
}

function writerText({ pid, prepared, role, application, seconds, xid }: OldestWriter): string {
  const who =
    pid === undefined
      ? `the prepared transaction ${JSON.stringify(prepared)}`
      : `process ${pid}${application === undefined ? '' : ` (${application})`}`;
  return `${who}${role === undefined ? '' : ` of role ${role}`}, transaction ${xid}, for ${formatSpan(seconds * 1000)}`;
}

function neighbourOf({ takenBefore, absence, at }: AbsentNotification): string[] {
  if (takenBefore === undefined || absence === 'never given out') return [];
  const ago = formatSpan(at.getTime() - takenBefore.getTime());
  return [`The next higher one was written ${takenBefore.toISOString()}, ${ago} ago.`];
}
