import { shownOwner } from '../cursor/lease-owner.ts';
import { formatBytes, formatCount, formatNumber, formatSpan } from '../format.ts';
import type { ConsumerStatus } from '../observe/consumer-status.ts';
import type { LogStatus } from '../observe/log-status.ts';
import type { OldestWriter } from '../observe/oldest-writer.ts';
import type { Status } from '../observe/status.ts';
import { cutLine, formatTable } from './output.ts';

/** The status for people. @param columns of the terminal; an error is cut to fit */
export function statusText(status: Status, columns: number, now: Date = new Date()): string {
  const parts = [
    consumersText(status, columns, now),
    logText(status.log, now),
    ...(status.oldestWriter === undefined ? [] : [writerText(status.oldestWriter)]),
  ];
  return parts.join('\n');
}

/** The status for programs: these keys stay. Times are ISO 8601; what is unknown is null. */
export function statusJson({ consumers, rates, log, oldestWriter }: Status) {
  return {
    consumers: consumers.map((consumer) => ({
      id: consumer.consumer,
      state: consumer.state,
      owners: ownersOf(consumer),
      channels: consumer.channels,
      partitions: consumer.partitions.length,
      pending: consumer.pending,
      pendingIsAtLeast: consumer.atLeast,
      oldestPending: consumer.oldest ?? null,
      perSecond: rates.get(consumer.consumer) ?? 0,
      retrying: consumer.retrying,
      nextRetry: consumer.nextDueAt ?? null,
      dead: consumer.dead,
      lastError: consumer.lastError ?? null,
      pausedAt: consumer.pausedAt ?? null,
    })),
    log: {
      notifications: log.rows,
      bytes: log.bytes,
      oldest: log.oldest ?? null,
      newest: log.newest ?? null,
      channels: log.channels.map(({ channel, rows, atLeast, newest }) => ({
        channel,
        notifications: rows,
        notificationsIsAtLeast: atLeast,
        newest,
      })),
      notifyQueueUsage: log.queueUsage,
    },
    oldestWriter: oldestWriter ?? null,
  };
}

function consumersText({ consumers, rates }: Status, columns: number, now: Date): string {
  if (consumers.length === 0) {
    return 'No consumer has run on this database yet: `pgwatch listen` registers them.\n';
  }
  const head = ['CONSUMER', 'STATE', 'PENDING', 'OLDEST', 'RATE/S', 'RETRYING', 'DEAD', 'OWNER'];
  const rows = consumers.map((consumer) => [
    consumer.consumer,
    consumer.state,
    formatNumber(consumer.pending) + (consumer.atLeast ? '+' : ''),
    consumer.oldest === undefined ? '-' : formatSpan(now.getTime() - consumer.oldest.getTime()),
    formatNumber(Math.round(rates.get(consumer.consumer) ?? 0)),
    formatNumber(consumer.retrying),
    formatNumber(consumer.dead),
    ownersOf(consumer).join(', ') || '-',
  ]);
  const errors = consumers.flatMap(({ consumer, lastError }) =>
    lastError === undefined
      ? []
      : [
          cutLine(
            `Last error of ${consumer} (notification ${lastError.notificationId}, ${formatSpan(now.getTime() - lastError.at.getTime())} ago): ${lastError.error}`,
            columns,
          ),
        ],
  );
  return formatTable(head, rows) + errors.map((line) => `${line}\n`).join('');
}

function ownersOf({ partitions }: ConsumerStatus): string[] {
  const owners = partitions.flatMap(({ owner }) =>
    owner === undefined ? [] : [shownOwner(owner)],
  );
  return [...new Set(owners)];
}

function logText({ rows, bytes, oldest, channels, queueUsage }: LogStatus, now: Date): string {
  const age =
    oldest === undefined ? '' : `, the oldest ${formatSpan(now.getTime() - oldest.getTime())} old`;
  const line = `Log: ${formatCount(rows, 'notification')}, ${formatBytes(bytes)}${age}. NOTIFY queue ${(queueUsage * 100).toFixed(0)} % full.\n`;
  if (channels.length === 0) return line;
  return (
    line +
    formatTable(
      ['CHANNEL', 'NOTIFICATIONS', 'NEWEST'],
      channels.map(({ channel, rows: count, atLeast, newest }) => [
        channel,
        formatNumber(count) + (atLeast ? '+' : ''),
        `${formatSpan(now.getTime() - newest.getTime())} ago`,
      ]),
    )
  );
}

function writerText({ pid, prepared, database, role, application, seconds }: OldestWriter): string {
  const who =
    pid === undefined
      ? `the prepared transaction ${JSON.stringify(prepared)}`
      : `process ${pid}${application === undefined ? '' : ` (${application})`}`;
  const of = role === undefined ? '' : ` of role ${role}`;
  return `Oldest writer: ${who}${of} in database ${database}, for ${formatSpan(seconds * 1000)}. What it wrote to the log is handled when it commits.\n`;
}
