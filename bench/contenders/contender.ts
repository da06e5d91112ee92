import type { Site, Template } from '../harness/site.ts';
import type { Worker } from '../harness/worker.ts';

export interface StartOptions {
  /** The worker says so when it has handled as many. */
  readonly expect?: number;
  /** Read the number in each payload, and note when it was handled. */
  readonly times?: boolean;
}

/**
 * One way to be told when a row of `changes` was written: what the trigger does, and the process that
 * handles what comes of it.
 */
export interface Contender {
  readonly name: string;
  /** Installs it and its triggers on `changes`; before any row is written. */
  install(site: Site): Promise<void>;
  /** What a copy of a database needs in which it was installed. */
  settle?(copy: Site): Promise<void>;
  /** Starts its process; resolves when it is ready to handle. */
  start(site: Site, options?: StartOptions): Promise<Worker>;
}

/** Nobody is told anything. */
export const noTrigger: Contender = {
  name: 'no trigger',
  async install() {},
  start() {
    throw new Error('There is no process that would handle anything.');
  },
};

/** The table that the application writes. */
export async function createChanges({ client }: Site): Promise<void> {
  await client.query(`
    create table changes (id bigint generated always as identity primary key, n bigint, body text)`);
}

/** An empty table `changes` that a contender follows. */
export function installed(contender: Contender): Template {
  return {
    name: `${contender.name}, installed`,
    async prepare(site) {
      await createChanges(site);
      await contender.install(site);
    },
    settle: async (copy) => contender.settle?.(copy),
  };
}

/** The same with so many rows that were written, and of which nothing is handled. */
export function backlog(contender: Contender, rows: number): Template {
  const from = installed(contender);
  return {
    ...from,
    name: `${contender.name}, a backlog of ${rows}`,
    from,
    async prepare(site) {
      await writeChanges(site, rows);
      await site.client.query('vacuum analyze');
    },
  };
}

/**
 * Rows of one statement. graphile-worker's add_jobs() begins with an update that looks for locked
 * jobs of the same key. The session keeps its plan, made when the table was empty: to read all of
 * it. So each row costs as much as there are rows before it, and 200,000 in one statement had not
 * come to an end after several minutes. The first piece is as slow, but small; the others plan anew.
 */
const ROWS_AT_ONCE = 1_000;

/** Writes so many rows, some at once. Whoever wants to read them soon vacuums. */
export async function writeChanges({ client }: Site, rows: number): Promise<void> {
  for (let from = 1; from <= rows; from += ROWS_AT_ONCE) {
    const to = Math.min(rows, from + ROWS_AT_ONCE - 1);
    await client.query('discard plans');
    await client.query(
      'insert into changes (n, body) select n, $3 from generate_series($1::int, $2::int) n',
      [from, to, BODY],
    );
  }
}

/** Makes a payload of about 250 bytes, as a captured row of a small table has. */
export const BODY = 'a customer has changed an address, and three systems want to know it';

/** A trigger for each row, which calls one function. */
export async function createRowTrigger({ client }: Site, body: string): Promise<void> {
  await client.query(`
    create function on_change() returns trigger language plpgsql as $$
    declare
      payload jsonb := jsonb_build_object(
        'table', tg_table_name, 'action', tg_op, 'id', coalesce(new.id, old.id),
        'old_data', case when tg_op <> 'INSERT' then to_jsonb(old) end,
        'new_data', case when tg_op <> 'DELETE' then to_jsonb(new) end);
    begin
      ${body}
      return null;
    end $$`);
  await client.query(`
    create trigger on_change after insert or update or delete on changes
    for each row execute function on_change()`);
}

export function sinkEnvironment({ expect, times = false }: StartOptions): Record<string, string> {
  return {
    BENCH_TIMES: String(times),
    ...(expect === undefined ? {} : { BENCH_EXPECT: String(expect) }),
  };
}

export function fileOf(name: string): string {
  return new URL(name, import.meta.url).pathname;
}
