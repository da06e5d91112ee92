/** How a transaction ended, as far as its writer was told. */
export type TransactionEnd = 'committed' | 'rolled back' | 'unknown';

/** What the writers know: transactions by how they ended, and the notifications in them. */
export class Tally {
  readonly transactions: Record<TransactionEnd, number> = countEnds();
  readonly notifications: Record<TransactionEnd, number> = countEnds();

  add(end: TransactionEnd, notifications: number): void {
    this.transactions[end] += 1;
    this.notifications[end] += notifications;
  }

  /** All notifications that were written, whatever became of them. */
  get sent(): number {
    return Object.values(this.notifications).reduce((sum, count) => sum + count, 0);
  }
}

function countEnds(): Record<TransactionEnd, number> {
  return { committed: 0, 'rolled back': 0, unknown: 0 };
}
