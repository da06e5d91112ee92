import { CompiledQuery, type QueryResult } from 'kysely';

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

/** Runs one statement, whichever kind of database handle it is. */
export async function query<Row>(
  db: Queryable,
  text: string,
  values: readonly unknown[],
): Promise<Row[]> {
  const { rows } =
    'executeQuery' in db
      ? await db.executeQuery(CompiledQuery.raw(text, [...values]))
      : await db.query(text, [...values]);
  // The statement's author knows its columns.
  return rows as Row[];
}
