import { quoteIdentifier } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';
import { PgwatchError } from '../errors.ts';

export interface TableOptions {
  /** The table's schema. Default: the first on the search path that has such a table. */
  readonly schema?: string;
  /** Where notify_data_change() is installed. Default: `public`. */
  readonly functionsSchema?: string;
  /** Where pgwatch's tables are installed. Default: `pgwatch`. */
  readonly pgwatchSchema?: string;
}

export interface CapturedTable {
  /** Qualified and quoted. */
  readonly name: string;
  /**
   * Whether statement triggers see all its rows. They miss a row that moves between partitions,
   * and the rows of inheritance children.
   */
  readonly takesStatementTriggers: boolean;
  /** The names of all its triggers. */
  readonly triggers: readonly string[];
}

interface FoundTable {
  schema: string;
  table: string;
  kind: string;
  related: boolean;
  triggers: string[];
}

/** Catalog's letters for what a trigger can be put on: table, partitioned table, foreign table. */
const CAPTURABLE = ['r', 'p', 'f'];

const KINDS: Record<string, string> = {
  v: 'a view',
  m: 'a materialized view',
  S: 'a sequence',
  i: 'an index',
  c: 'a composite type',
};

/**
 * Finds a table by its exact name: nothing in it is syntax, neither dots nor quotes.
 * @throws TABLE_NOT_FOUND, TABLE_NOT_CAPTURABLE
 */
export async function findTable(
  db: Queryable,
  table: string,
  { schema, pgwatchSchema = 'pgwatch' }: TableOptions,
): Promise<CapturedTable> {
  const named = [...(schema === undefined ? [] : [schema]), table].map(quoteIdentifier).join('.');
  const [found] = await query<FoundTable>(
    db,
    `select n.nspname as schema, c.relname as table, c.relkind as kind,
            c.relispartition or exists (
              select from pg_inherits where c.oid in (inhrelid, inhparent)
            ) as related,
            array(select tgname::text from pg_trigger where tgrelid = c.oid) as triggers
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.oid = to_regclass($1)`,
    [named],
  );
  if (found === undefined) throw notFound(table, schema);
  if (!CAPTURABLE.includes(found.kind)) {
    throw new PgwatchError('TABLE_NOT_CAPTURABLE', {
      what: `${named} is ${KINDS[found.kind] ?? 'no table'}.`,
      why: 'Only the changes of tables can be captured.',
      hint: 'Capture the tables behind it.',
    });
  }
  if (found.schema === pgwatchSchema) {
    throw new PgwatchError('TABLE_NOT_CAPTURABLE', {
      what: `${named} is one of pgwatch's own tables.`,
      why: 'Capturing the log would write the log, without end.',
      hint: 'Capture the tables of the application.',
    });
  }
  return {
    name: `${quoteIdentifier(found.schema)}.${quoteIdentifier(found.table)}`,
    takesStatementTriggers: found.kind === 'r' && !found.related,
    triggers: found.triggers,
  };
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
