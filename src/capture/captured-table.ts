import { quoteIdentifier } from '../db/names.ts';
import { OWN_TABLES } from '../db/own-tables.ts';
import { type Queryable, query } from '../db/queryable.ts';
import { PgwatchError } from '../errors.ts';
import { triggerNames } from './trigger-names.ts';

export interface TableOptions {
  /** The table's schema. Default: the first on the search path that has such a table. */
  readonly schema?: string;
  /** Where notify_data_change() is installed. Default: `public`. */
  readonly functionsSchema?: string;
  /** Where pgwatch's tables are installed. Default: `pgwatch`. */
  readonly pgwatchSchema?: string;
}

export const TABLE_OPTIONS = [
  'schema',
  'functionsSchema',
  'pgwatchSchema',
] as const satisfies readonly (keyof TableOptions)[];

/** One of this installation's triggers. */
export interface CaptureTrigger {
  readonly name: string;
  /** Its table, qualified and quoted. */
  readonly table: string;
}

export interface CapturedTable {
  /** Qualified and quoted. */
  readonly name: string;
  /**
   * Whether statement triggers see all its rows, nothing but its rows, and see them in time. They
   * miss a row that moves between partitions; they see the rows of inheritance children, cut to
   * the parent's columns; and they fire after row triggers, which may change the same row again.
   */
  readonly takesStatementTriggers: boolean;
  /** What captures it now. */
  readonly triggers: readonly CaptureTrigger[];
  /** What captures its partitions, each for itself. */
  readonly partitionTriggers: readonly CaptureTrigger[];
  /** The source of the notify_data_change() that its triggers would call; null: there is none. */
  readonly functionSource: string | null;
}

interface FoundTable {
  name: string;
  schema: string;
  table: string;
  kind: string;
  related: boolean;
  other_row_triggers: boolean;
  captured_with: string | null;
  function_source: string | null;
  triggers: CaptureTrigger[];
  partition_triggers: CaptureTrigger[];
}

const KINDS: Record<string, string> = {
  v: 'a view',
  m: 'a materialized view',
  f: 'a foreign table',
  S: 'a sequence',
  i: 'an index',
  I: 'an index',
  c: 'a composite type',
};

/** 1: for each row, 2: before, 64: instead of (the bits of pg_trigger.tgtype). */
const AFTER_EACH_ROW = 'tgtype & 1 = 1 and tgtype & 66 = 0';

const FIND_TABLE = `
  select format('%I.%I', n.nspname, c.relname) as name, n.nspname as schema, c.relname as table,
    c.relkind as kind,
    c.relispartition or exists (
      select from pg_inherits where c.oid in (inhrelid, inhparent)
    ) as related,
    exists (
      select from pg_trigger
      where tgrelid = c.oid and not tgisinternal and tgname <> all ($3) and ${AFTER_EACH_ROW}
    ) as other_row_triggers,
    (
      select format('%I.%I', pn.nspname, p.relname)
      from pg_trigger t
      join pg_trigger of_parent on of_parent.oid = t.tgparentid
      join pg_class p on p.oid = of_parent.tgrelid
      join pg_namespace pn on pn.oid = p.relnamespace
      where t.tgrelid = c.oid and t.tgname = any ($3)
      limit 1
    ) as captured_with,
    (select prosrc from pg_proc where oid = to_regprocedure($4)) as function_source,
    (
      select coalesce(jsonb_agg(jsonb_build_object(
        'name', tgname, 'table', format('%I.%I', n.nspname, c.relname))), '[]')
      from pg_trigger
      where tgrelid = c.oid and tgname = any ($3)
    ) as triggers,
    (
      select coalesce(jsonb_agg(jsonb_build_object(
        'name', tgname, 'table', format('%I.%I', pn.nspname, p.relname))), '[]')
      from pg_partition_tree(c.oid) part
      join pg_class p on p.oid = part.relid
      join pg_namespace pn on pn.oid = p.relnamespace
      join pg_trigger on tgrelid = p.oid and tgparentid = 0 and tgname = any ($3)
      where p.oid <> c.oid
    ) as partition_triggers
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.oid = to_regclass($1) and c.relname = $2::text`;

/**
 * Finds a table by its exact name: nothing in it is syntax, neither dots nor quotes.
 * @throws TABLE_NOT_FOUND, TABLE_NOT_CAPTURABLE
 */
export async function findTable(
  db: Queryable,
  table: string,
  { schema, functionsSchema = 'public', pgwatchSchema = 'pgwatch' }: TableOptions,
): Promise<CapturedTable> {
  const named = [...(schema === undefined ? [] : [schema]), table].map(quoteIdentifier).join('.');
  const own = Object.values(triggerNames(pgwatchSchema));
  const [found] = await query<FoundTable>(db, FIND_TABLE, [
    named,
    table,
    own,
    `${quoteIdentifier(functionsSchema)}.notify_data_change()`,
  ]);
  if (found === undefined) throw notFound(table, schema);
  assertCapturable(found, pgwatchSchema);
  return {
    name: found.name,
    takesStatementTriggers: found.kind === 'r' && !found.related && !found.other_row_triggers,
    triggers: found.triggers,
    partitionTriggers: found.partition_triggers,
    functionSource: found.function_source,
  };
}

function assertCapturable(found: FoundTable, pgwatchSchema: string): void {
  if (found.kind !== 'r' && found.kind !== 'p') {
    throw new PgwatchError('TABLE_NOT_CAPTURABLE', {
      what: `${found.name} is ${KINDS[found.kind] ?? 'no table'}.`,
      why: 'Only the changes of tables of this database can be captured.',
      hint: 'Capture the tables behind it.',
    });
  }
  if (found.schema === pgwatchSchema && OWN_TABLES.includes(found.table)) {
    throw new PgwatchError('TABLE_NOT_CAPTURABLE', {
      what: `${found.name} is one of pgwatch's own tables.`,
      why: 'Capturing the log would write the log, without end.',
      hint: 'Capture the tables of the application.',
    });
  }
  if (found.captured_with !== null) {
    throw new PgwatchError('TABLE_NOT_CAPTURABLE', {
      what: `${found.name} is captured as a partition of ${found.captured_with}.`,
      why: 'Its triggers belong to that table.',
      hint: `Capture, or cease to capture, ${found.captured_with} instead.`,
    });
  }
}

function notFound(table: string, schema: string | undefined): PgwatchError {
  const [before, after] = table.split('.', 2);
  const perhapsQualified = schema === undefined && after !== undefined;
  return new PgwatchError('TABLE_NOT_FOUND', {
    what: `There is no table ${quoteIdentifier(table)}${
      schema === undefined ? ' on the search path' : ` in the schema ${quoteIdentifier(schema)}`
    }.`,
    hint: perhapsQualified
      ? `A name is taken as it is. For a table of another schema: createTriggerForTable(db, '${after}', { schema: '${before}' }).`
      : 'Check the name (upper and lower case count), and create the table first.',
  });
}
