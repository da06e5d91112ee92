/** What the handler of each contender does: it counts, and notes times if those are asked for. */
export interface SinkReport {
  readonly count: number;
  /** Of the system's monotonic clock, in milliseconds. */
  readonly firstAt: number;
  readonly lastAt: number;
  /** When each number was handled first, where that was asked for. */
  readonly times: readonly (readonly [number, number])[];
  /** Since the process began, in milliseconds of processor time. */
  readonly cpuMs: number;
  readonly peakBytes: number;
}

export type SinkMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'done' | 'report'; readonly report: SinkReport };

const expected = Number(process.env['BENCH_EXPECT'] ?? Number.POSITIVE_INFINITY);
let count = 0;
let firstAt = 0;
let lastAt = 0;
let times: [number, number][] = [];

export function ready(): void {
  send({ type: 'ready' });
}

/** One was handled. */
export function handled(): void {
  count += 1;
  if (count === 1) firstAt = clock();
  if (count !== expected) return;
  lastAt = clock();
  send({ type: 'done', report: report() });
}

/** One was handled that has a number: its time is noted. */
export function handledAt(number: number): void {
  times.push([number, clock()]);
  handled();
}

process.on('message', (message) => {
  if (message !== 'report') return;
  lastAt = clock();
  send({ type: 'report', report: report() });
  times = [];
});
// A benchmark that was killed cannot end its contenders.
process.on('disconnect', () => process.exit(1));
// Listening to the parent alone must not keep a process running that has nothing else to do.
process.channel?.unref();

function report(): SinkReport {
  const { user, system } = process.cpuUsage();
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  return { count, firstAt, lastAt, times, cpuMs: (user + system) / 1000, peakBytes };
}

function clock(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function send(message: SinkMessage): void {
  process.send?.(message);
}
