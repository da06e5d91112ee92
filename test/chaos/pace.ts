import { pause } from '../../src/lifecycle/pause.ts';
import type { Gate } from './gate.ts';

/** How fast one writer may go: so many notifications a second, while the gate is open. */
export class Pace {
  readonly #perSecond: number;
  readonly #gate: Gate;
  #nextAt = 0;

  constructor(perSecond: number, gate: Gate) {
    this.#perSecond = perSecond;
    this.#gate = gate;
  }

  /** Waits for the writer's turn. False: stopped. */
  async next(stopping: AbortSignal): Promise<boolean> {
    await this.#gate.passage(stopping);
    await pause(Math.max(0, this.#nextAt - performance.now()), stopping);
    return !stopping.aborted;
  }

  /** What was written has to be waited for; time in which nothing was written is not made up for. */
  took(notifications: number): void {
    const waitMs = (Math.max(1, notifications) / this.#perSecond) * 1000;
    this.#nextAt = Math.max(performance.now(), this.#nextAt) + waitMs;
  }
}
