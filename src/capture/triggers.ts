import { quoteIdentifier, quoteLiteral } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';
import { assertChannel } from '../log/channel.ts';
import { type CapturedTable, findTable, type TableOptions } from './captured-table.ts';

export interface CaptureOptions extends TableOptions {
  /** The channel the changes are written to. Default: `data_change`. */
  readonly channel?: string;
}

type TriggerName = 'pgwatch_capture' | 'pgwatch_capture_insert' | 'pgwatch_capture_delete';

const TRIGGER_NAMES: readonly string[] = [
  'pgwatch_capture',
  'pgwatch_capture_insert',
  'pgwatch_capture_delete',
] satisfies TriggerName[];

/**
 * Captures the table's changes from now on: each inserted, updated or deleted row becomes a
 * notification. Called again, it replaces what it made, so it also changes the channel.
 *
 * Inserts and deletes are captured a statement at a time, which costs 40 % less in bulk; updates
 * row by row, because joining old to new rows breaks when a key changes. Partitioned and inherited
 * tables are captured row by row throughout.
 *
 * Belongs in a migration. Takes the lock that CREATE TRIGGER takes (SHARE ROW EXCLUSIVE).
 *
 * @param table the exact name, not SQL; another schema goes into the options
 * @throws TABLE_NOT_FOUND, TABLE_NOT_CAPTURABLE, CHANNEL_INVALID
 */
export async function createTriggerForTable(
  db: Queryable,
  table: string,
  options: CaptureOptions = {},
): Promise<void> {
  const { channel = 'data_change' } = options;
  assertChannel(channel);
  const found = await findTable(db, table, options);
  const wanted = triggersFor(found, channel, options);
  await run(db, [
    ...dropStatements(found, Object.keys(wanted)),
    ...Object.entries(wanted).map(
      ([name, definition]) => `create or replace trigger ${name} ${definition}`,
    ),
  ]);
}

/** Ends what createTriggerForTable() began; does nothing when there is nothing to end. */
export async function dropTriggerForTable(
  db: Queryable,
  table: string,
  options: TableOptions = {},
): Promise<void> {
  await run(db, dropStatements(await findTable(db, table, options), []));
}

/** One text without parameters is one transaction, whether or not the caller has begun one. */
async function run(db: Queryable, statements: readonly string[]): Promise<void> {
  if (statements.length > 0) await query(db, statements.join(';\n'), []);
}

/** Only for triggers that are there: DROP TRIGGER keeps even readers out. */
function dropStatements(table: CapturedTable, keep: readonly string[]): string[] {
  return table.triggers
    .filter((trigger) => TRIGGER_NAMES.includes(trigger) && !keep.includes(trigger))
    .map((trigger) => `drop trigger ${trigger} on ${table.name}`);
}

function triggersFor(
  { name, takesStatementTriggers }: CapturedTable,
  channel: string,
  { functionsSchema = 'public', pgwatchSchema = 'pgwatch' }: CaptureOptions,
): Partial<Record<TriggerName, string>> {
  const argument = quoteLiteral(channel);
  const perRow = `${quoteIdentifier(functionsSchema)}.notify_data_change(${argument})`;
  const perStatement = `${quoteIdentifier(pgwatchSchema)}.capture_statement(${argument})`;
  if (!takesStatementTriggers) {
    return {
      pgwatch_capture: `after insert or update or delete on ${name}
        for each row execute function ${perRow}`,
    };
  }
  return {
    pgwatch_capture_insert: `after insert on ${name}
      referencing new table as pgwatch_rows
      for each statement execute function ${perStatement}`,
    pgwatch_capture: `after update on ${name}
      for each row execute function ${perRow}`,
    pgwatch_capture_delete: `after delete on ${name}
      referencing old table as pgwatch_rows
      for each statement execute function ${perStatement}`,
  };
}
