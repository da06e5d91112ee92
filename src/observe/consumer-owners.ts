import { type Names, qualified } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';

/** Whether a consumer is run. To ask only that costs next to nothing, however far it is behind. */
export interface ConsumerOwners {
  readonly consumer: string;
  readonly isPaused: boolean;
  readonly partitions: number;
  /** How many of them nobody holds the lease of. */
  readonly unowned: number;
}

export async function readOwners(db: Queryable, names: Names): Promise<readonly ConsumerOwners[]> {
  const rows = await query<{
    consumer: string;
    paused: boolean;
    partitions: number;
    unowned: number;
  }>(
    db,
    `select c.name as consumer, c.paused_at is not null as paused,
            count(p.partition)::int as partitions,
            count(p.partition) filter (
              where not coalesce(
                p.lease_owner is not null and p.lease_until > clock_timestamp(), false))::int as unowned
     from ${qualified(names, 'consumer')} c
     left join ${qualified(names, 'consumer_cursor')} p on p.consumer_id = c.id
     group by c.id
     order by c.name`,
    [],
  );
  return rows.map(({ paused, ...owners }) => ({ ...owners, isPaused: paused }));
}
