import pg from 'pg';
import type { ThrowawayServer } from '../../src/db/embedded/throwaway-server.ts';
import { pause } from '../../src/lifecycle/pause.ts';
import type { ChaosDaemon } from './chaos-daemon.ts';
import { describeFault, type Fault, type ScheduledFault, type Target } from './schedule.ts';

/** A fault that happened. Times as of Date.now(). */
export interface FaultRecord {
  readonly fault: Fault;
  /** The process that was hit. */
  readonly pid: number | undefined;
  readonly at: number;
  /** When it was taken back: the server or the daemon started again, the proxy healed. */
  readonly until: number;
}

export interface FaultsOptions {
  readonly server: ThrowawayServer;
  readonly daemons: readonly ChaosDaemon[];
  readonly say: (line: string) => void;
}

/** Does what a schedule says. */
export class Faults {
  readonly records: FaultRecord[] = [];
  readonly #options: FaultsOptions;
  readonly #startedAt = performance.now();
  /** Daemons that something is being done to: one at a time each. */
  readonly #busy = new Set<ChaosDaemon>();
  #restarting: Promise<void> = Promise.resolve();

  constructor(options: FaultsOptions) {
    this.#options = options;
  }

  /** Returns when all of it has been done and taken back. */
  async run(schedule: readonly ScheduledFault[], stopping: AbortSignal): Promise<void> {
    const running: Promise<void>[] = [];
    for (const { at, fault } of schedule) {
      await pause(Math.max(0, this.#startedAt + at * 1000 - performance.now()), stopping);
      if (stopping.aborted) break;
      running.push(this.#make(fault));
    }
    await Promise.all(running);
  }

  async #make(fault: Fault): Promise<void> {
    switch (fault.kind) {
      case 'terminate':
        await this.#note(fault, undefined, () => this.#terminate(fault.backends));
        return;
      case 'restart':
        this.#restarting = this.#restarting.then(() =>
          this.#note(fault, undefined, () => this.#restart(fault.mode, fault.downFor)),
        );
        await this.#restarting;
        return;
      default: {
        const daemon = await this.#take(fault.target);
        if (daemon === undefined) return;
        await this.#note(fault, daemon.pid, () => this.#hit(daemon, fault));
        this.#busy.delete(daemon);
      }
    }
  }

  async #hit(
    daemon: ChaosDaemon,
    fault: Extract<Fault, { readonly target: Target }>,
  ): Promise<void> {
    switch (fault.kind) {
      case 'kill':
        await daemon.kill();
        await seconds(fault.downFor);
        daemon.start();
        return;
      case 'freeze':
        daemon.freeze();
        await seconds(fault.for);
        daemon.thaw();
        return;
      case 'black-hole':
        daemon.way.swallow();
        await seconds(fault.for);
        daemon.way.heal(fault.healing);
    }
  }

  async #restart(mode: 'fast' | 'immediate', downFor: number): Promise<void> {
    await this.#options.server.suspend(mode);
    await seconds(downFor);
    await this.#options.server.resume();
  }

  async #terminate(backends: number): Promise<void> {
    await this.#ask(
      `select pg_terminate_backend(pid) from (
         select pid from pg_stat_activity where application_name = 'pgwatch' order by random() limit $1
       ) chosen`,
      [backends],
    );
  }

  /** A daemon to do something to, busy from now on. Undefined: everybody is busy already. */
  async #take({ runs, daemon }: Target): Promise<ChaosDaemon | undefined> {
    const { daemons } = this.#options;
    const pid = runs === undefined ? undefined : await this.#whoRuns(runs);
    const wanted = daemons.find((candidate) => candidate.pid === pid && pid !== undefined);
    const inTurn = [...daemons.slice(daemon), ...daemons.slice(0, daemon)];
    const taken = [...(wanted === undefined ? [] : [wanted]), ...inTurn].find(
      (candidate) => !this.#busy.has(candidate) && candidate.pid !== undefined,
    );
    if (taken !== undefined) this.#busy.add(taken);
    return taken;
  }

  async #whoRuns(consumer: string): Promise<number | undefined> {
    const [owner] = await this.#ask(
      `select split_part(lease_owner, '/', 2) from pgwatch.consumer_cursor
       join pgwatch.consumer on consumer.id = consumer_id
       where name = $1 and lease_owner is not null
       order by partition limit 1`,
      [consumer],
    );
    return typeof owner === 'string' ? Number(owner) : undefined;
  }

  /** The first column. Nothing, while the server is away. */
  async #ask(sql: string, values: readonly unknown[]): Promise<unknown[]> {
    const { url } = this.#options.server;
    const client = new pg.Client({ connectionString: url, application_name: 'chaos faults' });
    client.on('error', () => {
      // The query in hand fails with it.
    });
    try {
      await client.connect();
      return (await client.query({ text: sql, values: [...values], rowMode: 'array' })).rows.flat();
    } catch {
      return [];
    } finally {
      await client.end().catch(() => {});
    }
  }

  async #note(fault: Fault, pid: number | undefined, make: () => Promise<void>): Promise<void> {
    const at = Date.now();
    const since = ((performance.now() - this.#startedAt) / 1000).toFixed(1);
    this.#options.say(`${since.padStart(6)} s  ${describeFault(fault)}`);
    await make();
    this.records.push({ fault, pid, at, until: Date.now() });
  }
}

function seconds(count: number): Promise<void> {
  return pause(count * 1000, new AbortController().signal);
}
