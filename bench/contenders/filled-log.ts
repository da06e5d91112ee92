import type { Site, Template } from '../harness/site.ts';
import { BODY, installed } from './contender.ts';
import { pgwatch } from './pgwatch.ts';

export interface Filling {
  readonly rows: number;
  /** Default: 0. */
  readonly daysOld?: number;
}

const ROWS_PER_STATEMENT = 500_000;
/** Retention, by default, keeps a week. */
const OLD_DAYS = 8;

/** A log of so many old rows, and no consumer yet. */
export function oldLog(rows: number): Template {
  const from = installed(pgwatch);
  return {
    ...from,
    name: `a log of ${rows}`,
    from,
    prepare: (site) => fillLog(site, { rows, daysOld: OLD_DAYS }),
  };
}

/** The same, and more. */
export function extendedLog(from: Template, filling: Filling): Template {
  return {
    ...from,
    name: `${from.name}, and ${filling.rows}`,
    from,
    prepare: (site) => fillLog(site, filling),
  };
}

/**
 * Writes rows to pgwatch's log as its capture of `changes` would, without the table: so it takes
 * half the time and a third of the disk.
 */
export async function fillLog({ client }: Site, { rows, daysOld = 0 }: Filling): Promise<void> {
  for (let done = 0; done < rows; done += ROWS_PER_STATEMENT) {
    await client.query(
      `insert into pgwatch.notification_log (channel, key, payload, created_at)
       select 'data_change', 'public.changes ' || n,
         jsonb_build_object('table', 'changes', 'action', 'INSERT', 'id', n, 'old_data', null,
           'new_data', jsonb_build_object('id', n, 'n', n, 'body', $3::text),
           'metadata', jsonb_build_object('transaction_id', n)),
         now() - make_interval(days => $4::integer)
       from generate_series($1::bigint, $2::bigint) n`,
      [done + 1, Math.min(rows, done + ROWS_PER_STATEMENT), BODY, daysOld],
    );
  }
  await client.query('vacuum analyze pgwatch.notification_log');
  // What is measured next should not pay for writing all this to disk.
  await client.query('checkpoint');
}
