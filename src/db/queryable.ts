import type { CompiledQuery, QueryResult } from 'kysely';
import { PgwatchError } from '../errors.ts';
import { describeType } from '../value-type.ts';

/** A pg client or pool. */
interface PgQueryable {
  query(text: string, values: unknown[]): Promise<{ rows: unknown[] }>;
}

/** A Kysely instance or transaction, of whatever database type. */
interface KyselyQueryable {
  executeQuery(query: CompiledQuery): Promise<QueryResult<unknown>>;
}

/**
 * What the library functions write with: a pg client or pool, or a Kysely instance or transaction.
 * Given a client or transaction, what they write commits or rolls back with the caller's work.
 */
export type Queryable = PgQueryable | KyselyQueryable;

/**
 * Runs one statement, whichever kind of database handle it is.
 * @throws USAGE when it is none
 */
export async function query<Row>(
  db: Queryable,
  text: string,
  values: readonly unknown[],
): Promise<Row[]> {
  assertQueryable(db);
  const { rows } =
    'executeQuery' in db
      ? await db.executeQuery(await rawQuery(text, values))
      : await db.query(text, [...values]);
  // The statement's author knows its columns.
  return rows as Row[];
}

/** Consumers that import the public API, and give no Kysely, need not wait for it to be loaded. */
async function rawQuery(text: string, values: readonly unknown[]): Promise<CompiledQuery> {
  return (await import('./raw-query.ts')).rawQuery(text, values);
}

/** Says what was found without showing it: a URL that was passed has a password. */
function assertQueryable(db: unknown): asserts db is Queryable {
  const isHandle = typeof db === 'object' && db !== null;
  const methods = isHandle ? [Reflect.get(db, 'executeQuery'), Reflect.get(db, 'query')] : [];
  if (methods.some((method) => typeof method === 'function')) return;
  throw new PgwatchError('USAGE', {
    what: `db is ${describeType(db)}${isHandle ? ' that runs no queries' : ''}.`,
    why: 'It must be a pg client or pool, or a Kysely instance or transaction.',
    hint: 'Make one first: const db = new pg.Pool({ connectionString });',
  });
}
