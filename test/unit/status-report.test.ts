import { describe, expect, it } from 'vitest';
import { absenceText } from '../../src/cli/absence-report.ts';
import { statusJson, statusText } from '../../src/cli/status-report.ts';
import type { ConsumerStatus } from '../../src/observe/consumer-status.ts';
import type { Status } from '../../src/observe/status.ts';

/** By the server's clock, which is far from this machine's. */
const NOW = new Date('2001-02-03T04:05:06Z');
const ago = (seconds: number) => new Date(NOW.getTime() - seconds * 1000);

const HOSTILE = 'a\u001b[2Jb\nc\u009b';
const SHOWN = 'a\\x1b[2Jb\\nc\\x9b';

function consumer(changes: Partial<ConsumerStatus> = {}): ConsumerStatus {
  return {
    consumer: 'mails',
    state: 'live',
    channels: ['orders'],
    partitions: [],
    pending: 7,
    atLeast: false,
    oldest: ago(80),
    retrying: 0,
    nextDueAt: undefined,
    dead: 0,
    lastError: undefined,
    pausedAt: undefined,
    createdAt: ago(1_000),
    at: NOW,
    ...changes,
  };
}

function status(changes: Partial<Status> = {}): Status {
  return {
    consumers: [consumer()],
    rates: new Map(),
    areRatesKnown: true,
    log: {
      rows: 12,
      bytes: 8192,
      oldest: ago(7_200),
      newest: ago(4),
      queueUsage: 0,
      at: NOW,
      channels: [{ channel: 'orders', rows: 12, atLeast: false, newest: ago(4) }],
    },
    oldestWriter: undefined,
    seesOwnWritersOnly: false,
    ...changes,
  };
}

const textOf = (changes: Partial<Status>) => statusText(status(changes), Number.POSITIVE_INFINITY);

describe('the status', () => {
  it('tells ages by the clock of the server', () => {
    const lastError = { notificationId: 3, error: 'Error: no', at: ago(600) };
    const text = textOf({ consumers: [consumer({ lastError })] });
    expect(text).toMatch(/^mails +live +7 +80s /m);
    expect(text).toContain('(notification 3, 10m ago): Error: no');
    expect(text).toContain('the oldest 2h old');
    expect(text).toMatch(/^orders +12 +4.0s ago$/m);
  });

  it('says that a backlog is not known', () => {
    const unknown = consumer({ pending: undefined, atLeast: true, oldest: undefined });
    expect(textOf({ consumers: [unknown] })).toMatch(/^mails +live +\? +\? +0 /m);
    expect(statusJson(status({ consumers: [unknown] })).consumers).toMatchObject([
      { pending: null, pendingIsAtLeast: true, oldestPending: null },
    ]);
  });

  it('says that an older writer may be one that this role does not see', () => {
    const unseen = status({ seesOwnWritersOnly: true });
    expect(statusText(unseen, 80)).toContain(
      'Oldest writer: this role sees no transactions of other roles (pg_read_all_stats)',
    );
    expect(statusJson(unseen)).toMatchObject({ oldestWriter: null, seesOwnWritersOnly: true });
    expect(textOf({})).not.toContain('Oldest writer');
  });

  it('shows nothing that steers the terminal or begins a line, whoever wrote it', () => {
    const partition = {
      partition: 0,
      owner: HOSTILE,
      leaseUntil: NOW,
      epoch: 1,
      seen: '1:1:',
      until: undefined,
      lastId: undefined,
      storedAt: NOW,
    };
    const lastError = { notificationId: 3, error: HOSTILE, at: NOW };
    const { log } = status();
    const text = textOf({
      consumers: [consumer({ partitions: [partition], lastError })],
      log: { ...log, channels: [{ channel: HOSTILE, rows: 1, atLeast: false, newest: NOW }] },
      oldestWriter: {
        pid: 1,
        prepared: undefined,
        database: 'd',
        role: 'r',
        application: HOSTILE,
        seconds: 1,
        xid: '7',
      },
    });
    expect(text).not.toMatch(/[^\P{Cc}\n]/u);
    expect(text.split(SHOWN)).toHaveLength(5);
    expect(text).toMatch(/^a\\x1b\[2Jb\\nc\\x9b +1 +0.0s ago$/m);
  });

  it('cuts an error after it was made visible', () => {
    const lastError = { notificationId: 3, error: '\u001b'.repeat(100), at: NOW };
    const text = statusText(status({ consumers: [consumer({ lastError })] }), 80);
    const line = text.split('\n').find((one) => one.startsWith('Last error'));
    expect(line).toHaveLength(80);
  });
});

it('an id that the log does not have is explained without what steers the terminal', () => {
  const text = absenceText({
    kind: 'absent',
    at: NOW,
    id: 5,
    absence: 'perhaps open',
    lowestId: 1,
    highestId: 9,
    lastGivenOut: 9,
    takenBefore: ago(30),
    writers: [
      {
        pid: 1,
        prepared: undefined,
        database: 'd',
        role: 'r',
        application: HOSTILE,
        seconds: 1,
        xid: '7',
      },
    ],
    seesOwnOnly: false,
  });
  expect(text).toContain(`process 1 (${SHOWN}) of role r`);
  expect(text).not.toMatch(/[^\P{Cc}\n]/u);
  expect(text).toContain('30s ago.');
});
