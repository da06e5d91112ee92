import { type Names, qualified } from '../../db/names.ts';
import { OWN_TABLES } from '../../db/own-tables.ts';
import { type Queryable, query } from '../../db/queryable.ts';
import type { Finding, Patient } from './finding.ts';

const CHECK = 'autovacuum';

/** Dead rows of a table that is changed in place: more than autovacuum leaves for long. */
const DEAD_ROWS_MANY = 20_000;

/** How migrations/0001 sets the tables up. */
const TABLE_SETTINGS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  notification_log: {
    autovacuum_vacuum_insert_scale_factor: '0.02',
    autovacuum_analyze_scale_factor: '0.02',
  },
  consumer_cursor: {
    fillfactor: '20',
    autovacuum_vacuum_scale_factor: '0',
    autovacuum_vacuum_threshold: '50',
  },
};

interface Row {
  name: string;
  options: Record<string, string>;
  dead: string | number;
  live: string | number;
  last_vacuum: Date | null;
}

/** Whether dead rows are removed, and whether the planner knows the log. */
export async function checkAutovacuum({ db }: Patient): Promise<readonly Finding[]> {
  const { pool, names } = db;
  const rows = await readTables(pool, names);
  const findings = [
    ...(await offEverywhere(pool)),
    ...rows.flatMap((row) => [
      ...offFor(row, names),
      ...settingsOf(row, names),
      ...deadRows(row, names),
    ]),
  ];
  if (findings.length > 0) return findings;
  return [{ check: CHECK, severity: 'ok', what: 'Autovacuum is on, and keeps up.' }];
}

async function offEverywhere(db: Queryable): Promise<Finding[]> {
  const rows = await query<{ name: string }>(
    db,
    `select name from pg_settings where name in ('autovacuum', 'track_counts') and setting = 'off'`,
    [],
  );
  return rows.map(({ name }) => ({
    check: CHECK,
    severity: 'problem',
    what: `${name} is off for the whole server.`,
    why: 'Nobody removes dead rows: cursors are updated ten times a second, and reading them gets slower for ever.',
    mend: [`alter system set ${name} = on;`, 'select pg_reload_conf();'],
  }));
}

function readTables(db: Queryable, { schema }: Names): Promise<Row[]> {
  return query<Row>(
    db,
    `select c.relname::text as name,
            coalesce((select jsonb_object_agg(option_name, option_value)
                      from pg_options_to_table(c.reloptions)), '{}') as options,
            coalesce(s.n_dead_tup, 0) as dead, coalesce(s.n_live_tup, 0) as live,
            greatest(s.last_autovacuum, s.last_vacuum) as last_vacuum
     from pg_class c
     join pg_namespace n on n.oid = c.relnamespace
     left join pg_stat_all_tables s on s.relid = c.oid
     where n.nspname = $1 and c.relname = any ($2) and c.relkind = 'r'
     order by c.relname`,
    [schema, OWN_TABLES],
  );
}

function offFor({ name, options }: Row, names: Names): Finding[] {
  if (!['false', 'off', 'no', '0'].includes(options['autovacuum_enabled'] ?? 'true')) return [];
  return [
    {
      check: CHECK,
      severity: 'problem',
      what: `Autovacuum is off for the table ${name}.`,
      mend: [`alter table ${qualified(names, name)} reset (autovacuum_enabled);`],
    },
  ];
}

function settingsOf({ name, options }: Row, names: Names): Finding[] {
  const other = Object.entries(TABLE_SETTINGS[name] ?? {}).filter(
    ([option, value]) => Number(options[option] ?? Number.NaN) !== Number(value),
  );
  if (other.length === 0) return [];
  const wanted = other.map(([option, value]) => `${option} = ${value}`).join(', ');
  return [
    {
      check: CHECK,
      severity: 'note',
      what: `The table ${name} is not set up as pgwatch does it: ${other.map(([option]) => `${option} is ${options[option] ?? 'not set'}`).join(', ')}.`,
      mend: [`alter table ${qualified(names, name)} set (${wanted});`],
    },
  ];
}

function deadRows({ name, dead, live, last_vacuum: last }: Row, names: Names): Finding[] {
  const limit = Math.max(DEAD_ROWS_MANY, Number(live));
  if (Number(dead) <= limit) return [];
  return [
    {
      check: CHECK,
      severity: 'warning',
      what: `The table ${name} has ${dead} dead rows beside ${live} living ones; it was last vacuumed ${last === null ? 'never' : last.toISOString()}.`,
      why: 'Reading it walks over them. Perhaps something keeps vacuum from removing them: see the findings on writers and horizon.',
      mend: [`vacuum (analyze) ${qualified(names, name)};`],
    },
  ];
}
