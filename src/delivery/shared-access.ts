import { CursorWrites } from '../cursor/cursor-writes.ts';
import type { Database } from '../db/database.ts';
import { SharedReads } from '../log/shared-reads.ts';
import type { DeliverySettings } from './settings.ts';

/** What the consumers of one process do together, so that many cost little more than one. */
export interface SharedAccess {
  readonly reads: SharedReads;
  readonly writes: CursorWrites;
}

export function shareAccess({ pool, names }: Database, { limits }: DeliverySettings): SharedAccess {
  return {
    reads: new SharedReads(pool, names, limits),
    writes: new CursorWrites(pool, names),
  };
}
