import { shownOwner } from '../cursor/lease-owner.ts';
import type { DeliveryEvent } from '../delivery/events.ts';

interface Counts {
  handled: number;
  retrying: number;
  dead: number;
  note: string;
}

/** What a run with --once did, per consumer. */
export class OnceSummary {
  readonly #counts = new Map<string, Counts>();

  count(event: DeliveryEvent): void {
    const counts = this.#of(event.consumer);
    if (event.type === 'handled') counts.handled += event.rows.length;
    if (event.type === 'retrying') counts.retrying += 1;
    if (event.type === 'dead-lettered') counts.dead += 1;
    if (event.type === 'paused') counts.note = 'paused; `pgwatch resume` lets it go on';
    if (event.type === 'forgotten') counts.note = 'forgotten meanwhile';
    if (event.type === 'waiting-for-lease') {
      counts.note = `left to ${shownOwner(event.owner)}, which runs it`;
    }
  }

  text(): string {
    return [...this.#counts].map(([consumer, counts]) => `${consumer}: ${told(counts)}\n`).join('');
  }

  #of(consumer: string): Counts {
    const counts = this.#counts.get(consumer) ?? { handled: 0, retrying: 0, dead: 0, note: '' };
    this.#counts.set(consumer, counts);
    return counts;
  }
}

/** What was done before it was paused is told, too. */
function told({ handled, retrying, dead, note }: Counts): string {
  if (note !== '' && handled + retrying + dead === 0) return note;
  const done = `${handled} handled, ${retrying} to be retried, ${dead} dead-lettered`;
  return note === '' ? done : `${done}; ${note}`;
}
