import { PartitionRun, type PartitionRunEnd, type PartitionRunOptions } from './partition-run.ts';

interface Started {
  readonly run: PartitionRun;
  readonly ended: Promise<void>;
}

/** The runs of a consumer's partitions in this process. */
export class PartitionRuns {
  readonly #onEnd: (partition: number, end: PartitionRunEnd | 'failed') => void;
  readonly #started = new Map<number, Started>();
  #fault: { readonly error: unknown } | undefined;

  constructor(onEnd: (partition: number, end: PartitionRunEnd | 'failed') => void) {
    this.#onEnd = onEnd;
  }

  /** Also those that are stopping. */
  get count(): number {
    return this.#started.size;
  }

  /** Those that are not stopping, in ascending order. */
  get active(): readonly number[] {
    return [...this.#started]
      .filter(([, { run }]) => !run.isStopping)
      .map(([partition]) => partition)
      .sort((a, b) => a - b);
  }

  has(partition: number): boolean {
    return this.#started.has(partition);
  }

  /** @throws what a run has failed with */
  throwFault(): void {
    if (this.#fault !== undefined) throw this.#fault.error;
  }

  start(options: PartitionRunOptions): void {
    const { number } = options.partition;
    const run = new PartitionRun(options);
    const ended = run
      .run()
      .catch((error: unknown) => {
        this.#fault ??= { error };
        return 'failed' as const;
      })
      .then((end) => {
        this.#started.delete(number);
        this.#onEnd(number, end);
      });
    this.#started.set(number, { run, ended });
  }

  /** Each ends when its handlers have finished. */
  stop(partitions: readonly number[]): void {
    for (const partition of partitions) this.#started.get(partition)?.run.stop();
  }

  /** Their redeliveries were changed from outside. */
  lookAgain(): void {
    for (const { run } of this.#started.values()) run.lookAgain();
  }

  async stopAll(): Promise<void> {
    const started = [...this.#started.values()];
    for (const { run } of started) run.stop();
    await Promise.all(started.map(({ ended }) => ended));
  }
}
