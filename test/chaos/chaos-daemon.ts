import { appendFileSync } from 'node:fs';
import { pause } from '../../src/lifecycle/pause.ts';
import { peakMegabytes } from '../support/peak-memory.ts';
import { RunningProgram } from '../support/running-program.ts';
import type { BlackHole } from './black-hole.ts';
import type { ProjectFolder } from './project-folder.ts';

export interface ChaosDaemonOptions {
  readonly project: ProjectFolder;
  /** Its own way to the server. */
  readonly way: BlackHole;
  readonly seed: number;
  /** The file that its log is added to when a life of it has ended. */
  readonly log: string | undefined;
}

/** After an end of its own, as a supervisor of services would. */
const RESTART_MS = 500;
const MEASURE_EVERY_MS = 500;
/** The time that a stop may take: handlers' grace period, and then some. */
const STOP_WITHIN_MS = 30_000;

/** How a daemon ended that was asked to stop. */
export type StopResult = 'clean' | 'unclean' | 'hung';

/** A `pgwatch listen` that is kept running, and to which bad things are done. */
export class ChaosDaemon {
  readonly way: BlackHole;
  /** Ends that nobody asked for, after it had started. With the last lines of its output. */
  readonly crashes: string[] = [];
  readonly #options: ChaosDaemonOptions;
  readonly #closing = new AbortController();
  #program: RunningProgram | undefined;
  #peakMegabytes = 0;
  #measuring: NodeJS.Timeout | undefined;

  constructor(options: ChaosDaemonOptions) {
    this.#options = options;
    this.way = options.way;
  }

  /** Undefined while it is down. */
  get pid(): number | undefined {
    return this.#program?.pid;
  }

  /** The most memory that one of its processes has held, in MiB; 0 where the system does not tell. */
  get peakMegabytes(): number {
    return this.#peakMegabytes;
  }

  start(): void {
    const { project, way, seed } = this.#options;
    const program = new RunningProgram([project.bin, 'listen'], project.folder, {
      DATABASE_URL: way.url,
      PGWATCH_LOG_FORMAT: 'json',
      CHAOS_SEED: String(seed),
      CHAOS_RECORDS: project.records,
    });
    this.#program = program;
    this.#measuring ??= setInterval(() => this.#measure(), MEASURE_EVERY_MS).unref();
    program.ended.then(() => this.#onEnd(program));
  }

  /** Waits until it has said so, in its log. Rejects when it ends before. */
  async says(text: string): Promise<void> {
    await this.#program?.says(text);
  }

  /** kill -9. */
  async kill(): Promise<void> {
    const program = this.#program;
    this.#program = undefined;
    await program?.kill('SIGKILL');
  }

  freeze(): void {
    this.#program?.signal('SIGSTOP');
  }

  thaw(): void {
    this.#program?.signal('SIGCONT');
  }

  /** SIGTERM; one that does not end is killed. */
  async stop(): Promise<StopResult> {
    this.#closing.abort();
    const program = this.#program;
    if (program === undefined) return 'clean';
    this.#program = undefined;
    const patience = new AbortController();
    const end = await Promise.race([
      program.kill('SIGTERM'),
      pause(STOP_WITHIN_MS, patience.signal),
    ]);
    patience.abort();
    this.#measure();
    if (end !== undefined) return end.code === 0 ? 'clean' : 'unclean';
    await program.kill('SIGKILL');
    return 'hung';
  }

  /** Whatever state it is in. */
  async destroy(): Promise<void> {
    this.#closing.abort();
    clearInterval(this.#measuring);
    await this.kill();
  }

  async #onEnd(program: RunningProgram): Promise<void> {
    const { log } = this.#options;
    if (log !== undefined) appendFileSync(log, program.stderr);
    if (this.#program !== program || this.#closing.signal.aborted) return;
    this.#program = undefined;
    // One that finds no server at its start says so and ends; it is to be started again.
    if (program.stderr.includes('pgwatch started')) this.crashes.push(lastLines(program.stderr));
    await pause(RESTART_MS, this.#closing.signal);
    if (!this.#closing.signal.aborted && this.#program === undefined) this.start();
  }

  #measure(): void {
    const peak = this.#program === undefined ? undefined : peakMegabytes(this.#program.pid);
    this.#peakMegabytes = Math.max(this.#peakMegabytes, peak ?? 0);
  }
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-5).join('\n');
}
