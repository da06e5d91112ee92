import { type Names, qualified } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';
import { PgwatchError } from '../errors.ts';
import { suggest } from '../suggest.ts';

/** The error that says which consumers there are. */
export async function unknownConsumer(
  db: Queryable,
  names: Names,
  consumer: string,
): Promise<PgwatchError> {
  const rows = await query<{ name: string }>(
    db,
    `select name from ${qualified(names, 'consumer')} order by name`,
    [],
  );
  const known = rows.map(({ name }) => name);
  return new PgwatchError('CONSUMER_UNKNOWN', {
    what: `The database knows no consumer "${consumer}".${suggest(consumer, known)}`,
    why:
      known.length === 0
        ? 'No consumer has run on it yet.'
        : `Those that have run on it are: ${known.join(', ')}.`,
    hint: 'Correct the name. A consumer becomes known when `pgwatch listen` first runs it.',
  });
}

/** @throws CONSUMER_UNKNOWN */
export async function assertKnownConsumer(
  db: Queryable,
  names: Names,
  consumer: string,
): Promise<void> {
  const rows = await query(db, `select from ${qualified(names, 'consumer')} where name = $1`, [
    consumer,
  ]);
  if (rows.length === 0) throw await unknownConsumer(db, names, consumer);
}
