import type { TestDatabase } from './database.ts';

/** The transaction id that a cluster gives out next, about. */
export async function currentXid({ query }: TestDatabase): Promise<number> {
  const { rows } = await query<{ xid: string }>('select pg_current_xact_id()::text as xid');
  return Number(rows[0]?.xid);
}

/** Uses up transaction ids until the cluster has given out this one. */
export async function burnXids(database: TestDatabase, upTo: number): Promise<void> {
  const missing = upTo - (await currentXid(database));
  // Each block that catches errors is a subtransaction, and takes an id when it writes.
  await database.query(`do $$ begin
    create temp table burnt (i int) on commit drop;
    for i in 1 .. ${Math.max(1, missing)} loop
      begin insert into burnt values (i); exception when others then null; end;
    end loop;
  end $$`);
}
