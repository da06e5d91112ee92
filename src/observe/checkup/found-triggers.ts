import { triggerNames } from '../../capture/trigger-names.ts';
import type { Names } from '../../db/names.ts';
import { type Queryable, query } from '../../db/queryable.ts';

/** A trigger that captures a table: it has a name of ours, or calls a function of ours. */
export interface FoundTrigger {
  readonly name: string;
  /** Its table, qualified and quoted. */
  readonly table: string;
  /** Of the table, unquoted. */
  readonly schema: string;
  readonly tableName: string;
  /** pg_trigger.tgenabled: O as usual, A always, R for replication only, D disabled. */
  readonly enabled: 'O' | 'A' | 'R' | 'D';
  /** pg_trigger.tgtype. */
  readonly type: number;
  /** Qualified and quoted. */
  readonly function: string;
  /** Its first argument. */
  readonly channel: string | undefined;
  readonly conditional: boolean;
  readonly ofColumns: boolean;
  readonly newTable: string | null;
  readonly oldTable: string | null;
  /** On a partition, made by the trigger of its table. */
  readonly isClone: boolean;
}

interface Row {
  name: string;
  schema: string;
  table_name: string;
  table: string;
  enabled: 'O' | 'A' | 'R' | 'D';
  type: number;
  function: string;
  channel: string | null;
  conditional: boolean;
  of_columns: boolean;
  new_table: string | null;
  old_table: string | null;
  is_clone: boolean;
}

export async function findTriggers(db: Queryable, names: Names): Promise<readonly FoundTrigger[]> {
  const rows = await query<Row>(
    db,
    `select t.tgname::text as name, n.nspname::text as schema, c.relname::text as table_name,
            format('%I.%I', n.nspname, c.relname) as table, t.tgenabled::text as enabled,
            t.tgtype::int as type,
            format('"%s"."%s"', replace(fn.nspname, '"', '""'), replace(f.proname, '"', '""')) as function,
            case when t.tgnargs > 0 then convert_from(
              substring(t.tgargs from 1 for position('\\x00'::bytea in t.tgargs) - 1),
              getdatabaseencoding()) end as channel,
            t.tgqual is not null as conditional, cardinality(t.tgattr::int2[]) > 0 as of_columns,
            t.tgnewtable::text as new_table, t.tgoldtable::text as old_table,
            t.tgparentid <> 0 as is_clone
     from pg_trigger t
     join pg_class c on c.oid = t.tgrelid
     join pg_namespace n on n.oid = c.relnamespace
     join pg_proc f on f.oid = t.tgfoid
     join pg_namespace fn on fn.oid = f.pronamespace
     where t.tgname = any ($1)
        or (fn.nspname = $2 and f.proname = 'notify_data_change')
        or (fn.nspname = $3 and f.proname = 'capture_statement')
     order by n.nspname, c.relname, t.tgname`,
    [Object.values(triggerNames(names.schema)), names.functionsSchema, names.schema],
  );
  return rows.map((row) => ({
    name: row.name,
    table: row.table,
    schema: row.schema,
    tableName: row.table_name,
    enabled: row.enabled,
    type: row.type,
    function: row.function.replace(/\."([a-z_]+)"$/, '.$1'),
    channel: row.channel ?? undefined,
    conditional: row.conditional,
    ofColumns: row.of_columns,
    newTable: row.new_table,
    oldTable: row.old_table,
    isClone: row.is_clone,
  }));
}
