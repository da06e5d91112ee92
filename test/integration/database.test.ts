import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { emptyDatabase, openInstallation } from '../support/migrations.ts';

// An error event that nobody hears ends the process, and fails the run of the tests.
it('a connection that breaks between two statements fails the next one, and nothing else', async () => {
  const test = await emptyDatabase();
  const db = openInstallation(test);
  const work = db.kysely.transaction().execute(async (trx) => {
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx);
    await test.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
    await expect
      .poll(() => test.query('select from pg_stat_activity where pid = $1', [rows[0]?.pid]))
      .toMatchObject({ rowCount: 0 });
    await sql`select 1`.execute(trx);
  });
  await expect(work).rejects.toThrow();
  expect((await sql<{ n: number }>`select 1 as n`.execute(db.kysely)).rows).toEqual([{ n: 1 }]);
});

it('times are read where the server writes them otherwise, and dates in its own order', async () => {
  const test = await emptyDatabase();
  await test.query(`do $$ begin
    execute format('alter database %I set datestyle = ''German, DMY''', current_database());
  end $$`);
  const db = openInstallation(test);
  const { rows } = await db.pool.query<{ time: Date; date: string }>(
    `select timestamptz '2026-11-24 10:00:00.5Z' as time, date '02/03/2026'::text as date`,
  );
  expect(rows).toEqual([{ time: new Date('2026-11-24T10:00:00.5Z'), date: '2026-03-02' }]);
});
