import { assertSameCluster } from '../db/clone-guard.ts';
import type { Database } from '../db/database.ts';
import { PgwatchError } from '../errors.ts';

/**
 * Looks at each new LISTEN session whether it leads to the database that the daemon began with:
 * behind a name or an address there may be a restored dump by now.
 */
export class PlaceCheck {
  readonly #db: Database;
  readonly #onMoved: () => void;
  #moved: PgwatchError | undefined;

  constructor(db: Database, onMoved: () => void) {
    this.#db = db;
    this.#onMoved = onMoved;
  }

  /** Looks in the background. What else goes wrong meanwhile, the next session finds out. */
  check(): void {
    assertSameCluster(this.#db.pool, this.#db.names.schema).catch((error: unknown) => {
      if (!(error instanceof PgwatchError) || this.#moved !== undefined) return;
      this.#moved = error;
      this.#onMoved();
    });
  }

  /** @throws CLUSTER_CHANGED when that is why the daemon was stopped */
  throwIfMoved(): void {
    if (this.#moved !== undefined) throw this.#moved;
  }
}
