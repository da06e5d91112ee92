import { pause } from '../../src/lifecycle/pause.ts';
import { Backlog } from './backlog.ts';
import { CONSUMERS } from './consumers.ts';
import { examine } from './evidence.ts';
import { Faults } from './faults.ts';
import { type Field, type FieldOptions, withField } from './field.ts';
import { Gate } from './gate.ts';
import { Random } from './random.ts';
import { type ChaosReport, type DaemonReport, findBroken } from './report.ts';
import { describeFault, drawSchedule } from './schedule.ts';
import { Writing } from './writing.ts';

export interface ChaosOptions extends FieldOptions {
  readonly seconds: number;
  /** Notifications that are written in a second, about, while nothing hinders the writers. */
  readonly rate: number;
  /** The average time between two faults. */
  readonly everySeconds: number;
  /** Told what happens, a line at a time. */
  readonly say: (line: string) => void;
}

/**
 * Writes, handles, and breaks things meanwhile; then lets everything come to rest, and compares
 * what was committed with what was handled.
 */
export function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  return withField(options, (field) => runIn(field, options));
}

async function runIn(field: Field, options: ChaosOptions): Promise<ChaosReport> {
  const { server, daemons } = field;
  const { seed, seconds, rate, say } = options;
  const random = new Random(seed);
  const consumers = CONSUMERS.map(({ id }) => id);
  const schedule = drawSchedule(random.fork('faults'), { ...options, consumers });
  say(`seed ${seed}: ${schedule.length} faults in ${seconds} s`);
  for (const { at, fault } of schedule) say(`  at ${at} s: ${describeFault(fault)}`);

  for (const daemon of daemons) daemon.start();
  await Promise.all(daemons.map((daemon) => daemon.says('listening')));

  const gate = new Gate();
  const backlog = new Backlog(server.url, gate, consumers);
  try {
    backlog.watch();
    const writing = new Writing({ url: server.url, random: random.fork('writers'), rate, gate });
    const faults = new Faults({ server, daemons, say });
    const uninterrupted = new AbortController().signal;
    await Promise.all([faults.run(schedule, uninterrupted), pause(seconds * 1000, uninterrupted)]);
    await writing.stop();
    say(`writers stopped; ${writing.tally.sent} notifications sent, waiting for the consumers`);

    const drainedFrom = performance.now();
    if (!(await backlog.drain())) say('the consumers have come to a standstill');
    const drainSeconds = Math.round((performance.now() - drainedFrom) / 1000);
    const reports = await Promise.all(daemons.map(stopDaemon));
    const findings = await examine(field, seed, faults.records);
    const report = {
      seed,
      seconds,
      drainSeconds,
      sent: writing.tally.sent,
      unknown: writing.tally.notifications.unknown,
      faults: faults.records.length,
      daemons: reports,
      ...findings,
    };
    return { ...report, broken: findBroken(report) };
  } finally {
    gate.open();
    await backlog.close();
  }
}

async function stopDaemon(daemon: Field['daemons'][number]): Promise<DaemonReport> {
  const stopped = await daemon.stop();
  return { stopped, crashes: daemon.crashes, peakMegabytes: daemon.peakMegabytes };
}
