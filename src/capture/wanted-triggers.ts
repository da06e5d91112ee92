import { quoteIdentifier, quoteLiteral } from '../db/names.ts';
import type { CapturedTable, CaptureTrigger, TableOptions } from './captured-table.ts';
import { triggerNames } from './trigger-names.ts';

/** A trigger that a captured table should have. */
export interface WantedTrigger {
  readonly name: string;
  readonly events: readonly TriggerEvent[];
  /** Of a statement trigger: which rows its transition table has. Undefined: a row trigger. */
  readonly transition: 'new' | 'old' | undefined;
  /** Qualified and quoted. */
  readonly function: string;
}

export type TriggerEvent = 'insert' | 'update' | 'delete';

/** The name of every transition table. */
export const TRANSITION_TABLE = 'pgwatch_rows';

/** The bits of pg_trigger.tgtype; that of a trigger before, or instead of, is never set here. */
const EACH_ROW = 1;
const EVENT_BITS = { insert: 4, delete: 8, update: 16 } as const satisfies Record<
  TriggerEvent,
  number
>;

/** What captures a table today: for it, createTriggerForTable() says why. */
export function wantedTriggers(
  { takesStatementTriggers }: Pick<CapturedTable, 'takesStatementTriggers'>,
  { functionsSchema = 'public', pgwatchSchema = 'pgwatch' }: TableOptions,
): readonly WantedTrigger[] {
  const names = triggerNames(pgwatchSchema);
  const perRow = {
    transition: undefined,
    function: `${quoteIdentifier(functionsSchema)}.notify_data_change`,
  };
  const perStatement = `${quoteIdentifier(pgwatchSchema)}.capture_statement`;
  if (!takesStatementTriggers) {
    return [{ name: names.row, events: ['insert', 'update', 'delete'], ...perRow }];
  }
  return [
    { name: names.insert, events: ['insert'], transition: 'new', function: perStatement },
    { name: names.row, events: ['update'], ...perRow },
    { name: names.delete, events: ['delete'], transition: 'old', function: perStatement },
  ];
}

/** pg_trigger.tgtype of such a trigger. */
export function triggerType({ events, transition }: WantedTrigger): number {
  const level = transition === undefined ? EACH_ROW : 0;
  return events.reduce((bits, event) => bits | EVENT_BITS[event], level);
}

/** What makes a table's triggers those that it should have. */
export function captureStatements(
  table: CapturedTable,
  channel: string,
  options: TableOptions,
): readonly string[] {
  const wanted = wantedTriggers(table, options);
  const gone = [...table.triggers, ...table.partitionTriggers].filter(
    ({ name }) => !wanted.some((trigger) => trigger.name === name),
  );
  return [
    ...dropStatements(gone),
    ...wanted.map((trigger) => createStatement(trigger, table.name, channel)),
  ];
}

/** Only for triggers that are there: DROP TRIGGER keeps even readers out. */
export function dropStatements(triggers: readonly CaptureTrigger[]): readonly string[] {
  return triggers.map(({ name, table }) => `drop trigger ${quoteIdentifier(name)} on ${table}`);
}

function createStatement(trigger: WantedTrigger, table: string, channel: string): string {
  const { name, events, transition } = trigger;
  const level =
    transition === undefined
      ? 'for each row'
      : `referencing ${transition} table as ${TRANSITION_TABLE} for each statement`;
  return `create or replace trigger ${quoteIdentifier(name)} after ${events.join(' or ')} on ${table} ${level}
    execute function ${trigger.function}(${quoteLiteral(channel)})`;
}
