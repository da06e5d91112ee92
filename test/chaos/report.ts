import type { StopResult } from './chaos-daemon.ts';
import type { LogFaults } from './log-check.ts';
import type { Recovery } from './recoveries.ts';
import type { Verdict } from './verdict.ts';

export interface ConsumerReport extends Verdict {
  readonly consumer: string;
  readonly exactlyOnce: boolean;
  readonly inOrder: boolean;
  /** Of the repeated: those that no fault explains. */
  readonly unexplained: number;
}

export interface DaemonReport {
  readonly stopped: StopResult;
  /** Ends that nobody asked for, with the last lines of the log. */
  readonly crashes: readonly string[];
  readonly peakMegabytes: number;
}

/** What a run of chaos gave. */
export interface ChaosReport {
  readonly seed: number;
  /** Seconds of writing under faults. */
  readonly seconds: number;
  /** Seconds that it took after that until nothing was left to do. */
  readonly drainSeconds: number;
  /** Notifications that were written, also by transactions that rolled back. */
  readonly sent: number;
  /** Of these, in transactions whose COMMIT was not answered. */
  readonly unknown: number;
  /** Rows of the log. */
  readonly committed: number;
  readonly faults: number;
  readonly log: LogFaults;
  readonly consumers: readonly ConsumerReport[];
  readonly daemons: readonly DaemonReport[];
  readonly recoveries: readonly Recovery[];
  readonly takeOvers: readonly Recovery[];
  /** What must not be; empty: the run has passed. */
  readonly broken: readonly string[];
}

/** What of all that breaks a promise, in words. */
export function findBroken(
  report: Pick<ChaosReport, 'log' | 'consumers' | 'daemons'>,
): readonly string[] {
  const { log, consumers, daemons } = report;
  const counts: [number, string][] = [
    [log.missing, 'changes are missing in the log'],
    [log.misplaced, 'changes are out of order in the log'],
    ...consumers.flatMap((report): [number, string][] => [
      [report.lost, `lost by ${report.consumer}`],
      [report.rolledBack, `handled by ${report.consumer} though rolled back`],
      [
        report.inOrder ? report.outOfOrder : 0,
        `out of order in ${report.consumer}: ${JSON.stringify(report.disorder)}`,
      ],
      [report.exactlyOnce ? report.repeated : 0, `repeated by ${report.consumer}`],
      [report.unexplained, `repeated by ${report.consumer} though no fault was near`],
    ]),
    ...daemons.flatMap(({ crashes, stopped }, number): [number, string][] => [
      [crashes.length, `ends of daemon ${number} that nobody asked for`],
      [stopped === 'clean' ? 0 : 1, `${stopped} stop of daemon ${number}`],
    ]),
  ];
  return counts.flatMap(([count, what]) => (count > 0 ? [`${count} ${what}`] : []));
}

/** The report for people. */
export function formatReport(report: ChaosReport): string {
  const { seed, seconds, faults, sent, unknown, committed, log, drainSeconds } = report;
  const facts = [
    `seed ${seed}, ${seconds} s, ${faults} faults, drained in ${drainSeconds} s`,
    `sent ${sent} (${unknown} with an unknown outcome), committed ${committed}`,
    `missing in the log ${log.missing}, misplaced there ${log.misplaced}`,
  ];
  const consumers = formatTable([
    ['consumer', ...CONSUMER_COLUMNS.map(([title]) => title)],
    ...report.consumers.map((row) => [
      row.consumer,
      ...CONSUMER_COLUMNS.map(([, value]) => String(value(row))),
    ]),
  ]);
  const daemons = formatTable([
    ['daemon', 'stop', 'crashes', 'peak MiB'],
    ...report.daemons.map(({ stopped, crashes, peakMegabytes }, number) => [
      String(number),
      stopped,
      String(crashes.length),
      String(peakMegabytes),
    ]),
  ]);
  const times = formatTable([
    ['silence, ms', 'count', 'median', 'worst'],
    ['server back → first handling', ...summarise(report.recoveries)],
    ['  no other fault meanwhile', ...summarise(undisturbed(report.recoveries))],
    ['kill or freeze → take-over', ...summarise(report.takeOvers)],
    ['  no other fault meanwhile', ...summarise(undisturbed(report.takeOvers))],
  ]);
  const verdict = report.broken.length === 0 ? 'passed' : `FAILED\n  ${report.broken.join('\n  ')}`;
  return [facts.join('\n'), consumers, daemons, times, verdict].join('\n\n');
}

const CONSUMER_COLUMNS: readonly [string, (report: ConsumerReport) => number][] = [
  ['committed', ({ committed }) => committed],
  ['handled', ({ handled }) => handled],
  ['repeated', ({ repeated }) => repeated],
  ['for no reason', ({ unexplained }) => unexplained],
  ['dead', ({ deadLetters }) => deadLetters],
  ['lost', ({ lost }) => lost],
  ['rolled back', ({ rolledBack }) => rolledBack],
  ['out of order', ({ outOfOrder }) => outOfOrder],
  ['median ms', ({ delay }) => delay.median],
  ['p99 ms', ({ delay }) => delay.p99],
  ['worst ms', ({ delay }) => delay.worst],
];

function undisturbed(recoveries: readonly Recovery[]): readonly Recovery[] {
  return recoveries.filter(({ disturbed }) => !disturbed);
}

function summarise(recoveries: readonly Recovery[]): string[] {
  const times = recoveries.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b);
  const at = (index: number) => (times.length === 0 ? '-' : String(times[index]));
  return [String(times.length), at(Math.floor(times.length / 2)), at(times.length - 1)];
}

/** The first column to the left, all others to the right. */
function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return column === 0 ? cell.padEnd(width) : cell.padStart(width);
        })
        .join('  '),
    )
    .join('\n');
}
