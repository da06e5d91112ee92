import { sql } from 'kysely';
import type { Database } from '../db/database.ts';
import { asSnapshot, type Snapshot } from './snapshot.ts';

/** The snapshot of now. */
export async function currentSnapshot(db: Database): Promise<Snapshot> {
  const { rows } = await sql<{ now: string }>`select pg_current_snapshot()::text as now`.execute(
    db.kysely,
  );
  return asSnapshot(rows[0]?.now ?? '');
}
