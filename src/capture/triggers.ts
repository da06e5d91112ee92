import { quoteIdentifier } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';
import { PgwatchError } from '../errors.ts';
import { assertKnownOptions } from '../known-options.ts';
import { assertChannel } from '../log/channel.ts';
import {
  type CapturedTable,
  findTable,
  TABLE_OPTIONS,
  type TableOptions,
} from './captured-table.ts';
import { captureStatements, dropStatements } from './wanted-triggers.ts';

export interface CaptureOptions extends TableOptions {
  /** The channel the changes are written to. Default: `data_change`. */
  readonly channel?: string;
}

const CAPTURE_OPTIONS = [
  'channel',
  ...TABLE_OPTIONS,
] as const satisfies readonly (keyof CaptureOptions)[];

/**
 * Captures the table's changes from now on: each inserted, updated or deleted row becomes a
 * notification. Called again, it replaces what it made, so it also changes the channel.
 *
 * Inserts and deletes are captured a statement at a time, which halves the cost in bulk; updates
 * row by row, because joining old to new rows breaks when a key changes. Partitioned and inherited
 * tables, and those with AFTER ROW triggers of their own, are captured row by row throughout: call
 * it again when a table has become one. Capturing a partitioned table takes over from what captures
 * its partitions.
 *
 * Belongs in a migration. Takes the lock that CREATE TRIGGER takes (SHARE ROW EXCLUSIVE), which
 * waits for writers and makes new ones wait; ACCESS EXCLUSIVE only when triggers must go.
 *
 * @param table the exact name, not SQL; another schema goes into the options
 * @throws USAGE for options that do not exist; TABLE_NOT_FOUND, TABLE_NOT_CAPTURABLE, CHANNEL_INVALID;
 *   FUNCTIONS_TAKEN when notify_data_change() is another program's
 */
export async function createTriggerForTable(
  db: Queryable,
  table: string,
  options: CaptureOptions = {},
): Promise<void> {
  assertKnownOptions({
    subject: 'createTriggerForTable()',
    given: options,
    known: CAPTURE_OPTIONS,
    code: 'USAGE',
  });
  const { channel = 'data_change' } = options;
  assertChannel(channel);
  const found = await findTable(db, table, options);
  assertOwnFunction(found, options);
  await run(db, captureStatements(found, channel, options));
}

/**
 * Ends what createTriggerForTable() began; does nothing when there is nothing to end. Triggers
 * made by hand stay.
 * @throws USAGE for options that do not exist; TABLE_NOT_FOUND, TABLE_NOT_CAPTURABLE
 */
export async function dropTriggerForTable(
  db: Queryable,
  table: string,
  options: TableOptions = {},
): Promise<void> {
  assertKnownOptions({
    subject: 'dropTriggerForTable()',
    given: options,
    known: TABLE_OPTIONS,
    code: 'USAGE',
  });
  const { triggers } = await findTable(db, table, options);
  await run(db, dropStatements(triggers));
}

/** Another program's, such as django-pgwatch's, would take the trigger and write elsewhere. */
function assertOwnFunction(
  { functionSource }: CapturedTable,
  { functionsSchema = 'public', pgwatchSchema = 'pgwatch' }: CaptureOptions,
): void {
  const mark = `${quoteIdentifier(pgwatchSchema)}.append(`;
  if (functionSource === null || functionSource.includes(mark)) return;
  throw new PgwatchError('FUNCTIONS_TAKEN', {
    what: `${quoteIdentifier(functionsSchema)}.notify_data_change() does not write the log of the schema "${pgwatchSchema}".`,
    why: 'It is of another program, or of another installation, and so would be the captured changes.',
    hint: "Give what the configuration has: createTriggerForTable(db, table, { functionsSchema: '…' }), and pgwatchSchema where `schema` is set.",
  });
}

/** One text without parameters is one transaction, whether or not the caller has begun one. */
async function run(db: Queryable, statements: readonly string[]): Promise<void> {
  if (statements.length > 0) await query(db, statements.join(';\n'), []);
}
