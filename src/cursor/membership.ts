import { sql } from 'kysely';
import type { Database } from '../db/database.ts';
import { hasEnded, type LeaseOwner } from './lease-owner.ts';

/**
 * This process as one of those that share a consumer. It is heard of as long as it renews its
 * membership, which it does while it asks for the others.
 */
export class Membership {
  readonly #db: Pick<Database, 'kysely'>;
  readonly #consumerId: number;
  readonly #owner: LeaseOwner;
  readonly #seconds: number;
  /** Of performance.now(). */
  #renewAt = Number.NEGATIVE_INFINITY;

  /** @param seconds how long it counts without being renewed */
  constructor(
    db: Pick<Database, 'kysely'>,
    consumerId: number,
    owner: LeaseOwner,
    seconds: number,
  ) {
    this.#db = db;
    this.#consumerId = consumerId;
    this.#owner = owner;
    this.#seconds = seconds;
  }

  /** The owners that share the consumer, this one included. */
  async all(): Promise<readonly string[]> {
    if (performance.now() >= this.#renewAt) await this.#renew();
    const rows = await this.#db.kysely
      .selectFrom('consumer_member')
      .select('owner')
      .where('consumer_id', '=', this.#consumerId)
      .where('until', '>', sql<Date>`clock_timestamp()`)
      .execute();
    const owners = rows.map(({ owner }) => owner);
    // The table is emptied when the server crashes.
    if (!owners.includes(this.#owner)) this.#renewAt = Number.NEGATIVE_INFINITY;
    return owners.filter((owner) => !hasEnded(owner, this.#owner));
  }

  /** Leaves the others to share it among themselves. */
  async end(): Promise<void> {
    if (this.#renewAt === Number.NEGATIVE_INFINITY) return;
    await this.#db.kysely
      .deleteFrom('consumer_member')
      .where('consumer_id', '=', this.#consumerId)
      .where('owner', '=', this.#owner)
      .execute();
  }

  async #renew(): Promise<void> {
    const began = performance.now();
    const until = sql<Date>`clock_timestamp() + make_interval(secs => ${this.#seconds})`;
    await this.#db.kysely
      .insertInto('consumer_member')
      .values({ consumer_id: this.#consumerId, owner: this.#owner, until })
      .onConflict((conflict) => conflict.columns(['consumer_id', 'owner']).doUpdateSet({ until }))
      .execute();
    this.#renewAt = began + (this.#seconds * 1000) / 3;
    await this.#db.kysely
      .deleteFrom('consumer_member')
      .where('consumer_id', '=', this.#consumerId)
      .where('until', '<', sql<Date>`clock_timestamp()`)
      .execute();
  }
}
