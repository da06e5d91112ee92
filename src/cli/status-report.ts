import { shownOwner } from '../cursor/lease-owner.ts';
import { formatBytes, formatCount, formatNumber, formatSpan } from '../format.ts';
import { visible } from '../log-line.ts';
import type { ConsumerStatus } from '../observe/consumer-status.ts';
import type { LogStatus } from '../observe/log-status.ts';
import type { Status } from '../observe/status.ts';
import { cutLine, formatTable } from './output.ts';

/** The status for people. @param columns of the terminal; an error is cut to fit */
export function statusText(status: Status, columns: number): string {
  return [consumersText(status, columns), logText(status.log), ...writerLines(status)].join('\n');
}

/** The status for programs: these keys stay. Times are ISO 8601; what is unknown is null. */
export function statusJson(status: Status) {
  const { consumers, log, oldestWriter, seesOwnWritersOnly } = status;
  return {
    consumers: consumers.map((consumer) => ({
      id: consumer.consumer,
      state: consumer.state,
      owners: ownersOf(consumer),
      channels: consumer.channels,
      partitions: consumer.partitions.length,
      pending: consumer.pending ?? null,
      pendingIsAtLeast: consumer.atLeast,
      oldestPending: consumer.oldest ?? null,
      perSecond: rateOf(status, consumer) ?? null,
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
    seesOwnWritersOnly,
  };
}

/** Undefined: not known. */
function rateOf(
  { rates, areRatesKnown }: Status,
  { consumer }: ConsumerStatus,
): number | undefined {
  return areRatesKnown ? (rates.get(consumer) ?? 0) : undefined;
}

function rateCell(rate: number | undefined): string {
  return rate === undefined ? '?' : formatNumber(Math.round(rate));
}

function consumersText(status: Status, columns: number): string {
  const { consumers, log } = status;
  if (consumers.length === 0) {
    return 'No consumer has run on this database yet: `pgwatch listen` registers them.\n';
  }
  const head = ['CONSUMER', 'STATE', 'PENDING', 'OLDEST', 'RATE/S', 'RETRYING', 'DEAD', 'OWNER'];
  const rows = consumers.map((consumer) => [
    consumer.consumer,
    consumer.state,
    ...backlogCells(consumer, log.at),
    rateCell(rateOf(status, consumer)),
    formatNumber(consumer.retrying),
    formatNumber(consumer.dead),
    ownersOf(consumer).join(', ') || '-',
  ]);
  const errors = consumers.flatMap(({ consumer, lastError }) =>
    lastError === undefined
      ? []
      : [
          `Last error of ${consumer} (notification ${lastError.notificationId}, ${age(lastError.at, log.at)} ago): ${lastError.error}`,
        ],
  );
  return (
    tableText(head, rows) + errors.map((line) => `${cutLine(visible(line), columns)}\n`).join('')
  );
}

/** How many are pending, and how old the oldest is. */
function backlogCells({ pending, atLeast, oldest }: ConsumerStatus, now: Date): string[] {
  if (pending === undefined) return ['?', '?'];
  return [
    `${formatNumber(pending)}${atLeast ? '+' : ''}`,
    oldest === undefined ? '-' : age(oldest, now),
  ];
}

function ownersOf({ partitions }: ConsumerStatus): string[] {
  const owners = partitions.flatMap(({ owner }) =>
    owner === undefined ? [] : [shownOwner(owner)],
  );
  return [...new Set(owners)];
}

function logText({ rows, bytes, oldest, channels, queueUsage, at }: LogStatus): string {
  const oldestText = oldest === undefined ? '' : `, the oldest ${age(oldest, at)} old`;
  const line = `Log: ${formatCount(rows, 'notification')}, ${formatBytes(bytes)}${oldestText}. NOTIFY queue ${(queueUsage * 100).toFixed(0)} % full.\n`;
  if (channels.length === 0) return line;
  return (
    line +
    tableText(
      ['CHANNEL', 'NOTIFICATIONS', 'NEWEST'],
      channels.map(({ channel, rows: count, atLeast, newest }) => [
        channel,
        `${formatNumber(count)}${atLeast ? '+' : ''}`,
        `${age(newest, at)} ago`,
      ]),
    )
  );
}

function writerLines({ oldestWriter, seesOwnWritersOnly }: Status): string[] {
  const lines = [
    ...(oldestWriter === undefined ? [] : [writerText(oldestWriter)]),
    ...(seesOwnWritersOnly ? [`Oldest writer: ${OTHERS_UNSEEN}`] : []),
  ];
  return lines.length === 0 ? [] : [lines.map((line) => `${visible(line)}\n`).join('')];
}

const OTHERS_UNSEEN =
  'this role sees no transactions of other roles (pg_read_all_stats), so there may be an older one.';

function writerText({
  pid,
  prepared,
  database,
  role,
  application,
  seconds,
}: NonNullable<Status['oldestWriter']>): string {
  const who =
    pid === undefined
      ? `the prepared transaction ${JSON.stringify(prepared)}`
      : `process ${pid}${application === undefined ? '' : ` (${application})`}`;
  const of = role === undefined ? '' : ` of role ${role}`;
  return `Oldest writer: ${who}${of} in database ${database}, for ${formatSpan(seconds * 1000)}. What it wrote to the log is handled when it commits.`;
}

/** Both by the server's clock. */
function age(time: Date, now: Date): string {
  return formatSpan(now.getTime() - time.getTime());
}

/** Everybody may write to any channel, and errors are anybody's: no cell may steer the terminal. */
function tableText(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return formatTable(
    head,
    rows.map((cells) => cells.map((cell) => visible(cell))),
  );
}
