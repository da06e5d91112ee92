import { triggerNames } from '../../capture/trigger-names.ts';
import { type Names, quoteIdentifier, quoteLiteral } from '../../db/names.ts';
import { query } from '../../db/queryable.ts';
import type { Finding, Patient } from './finding.ts';
import type { FoundTrigger } from './found-triggers.ts';
import { inOneTransaction } from './one-transaction.ts';

const CHECK = 'triggers';

/** The bits of pg_trigger.tgtype. */
const EACH_ROW = 1;
const INSERT_DELETE_UPDATE = 4 | 8 | 16;

/**
 * Captured tables that get rows by logical replication, too. What it writes fires only triggers that
 * are enabled always, and of these only those for each row: its worker runs no statements.
 */
export async function checkReplicatedTables(
  { db }: Patient,
  triggers: readonly FoundTrigger[],
): Promise<readonly Finding[]> {
  const rows = await query<{ table: string }>(
    db.pool,
    `select distinct format('%I.%I', n.nspname, c.relname) as table
     from pg_subscription_rel s
     join pg_class c on c.oid = s.srrelid
     join pg_namespace n on n.oid = c.relnamespace
     order by 1`,
    [],
  );
  return rows.flatMap(({ table }) =>
    findingsOf(
      table,
      triggers.filter((trigger) => trigger.table === table),
      db.names,
    ),
  );
}

function findingsOf(table: string, triggers: readonly FoundTrigger[], names: Names): Finding[] {
  const own = new Set<string>(Object.values(triggerNames(names.schema)));
  const ours = triggers.filter(({ name }) => own.has(name));
  const others = triggers.filter(({ name }) => !own.has(name));
  const byStatement = ours.filter(isByStatement);
  if (byStatement.length > 0) {
    return [statementFinding(table, byStatement, ours, names), ...others.flatMap(findingOf)];
  }
  return triggers.flatMap(findingOf);
}

function isByStatement({ type }: FoundTrigger): boolean {
  return (type & EACH_ROW) === 0 && (type & INSERT_DELETE_UPDATE) !== 0;
}

/** Of those that createTriggerForTable() has made: no way of enabling them helps. */
function statementFinding(
  table: string,
  byStatement: readonly FoundTrigger[],
  ours: readonly FoundTrigger[],
  names: Names,
): Finding {
  // Whoever has enabled one always wants such rows, and takes them for captured.
  const isWanted = ours.some(({ enabled }) => enabled === 'A');
  const name = quoteIdentifier(`${triggerNames(names.schema).row}_always`);
  const capture = `${quoteIdentifier(names.functionsSchema)}.notify_data_change`;
  const channel = byStatement[0]?.channel ?? 'data_change';
  return {
    check: CHECK,
    severity: isWanted ? 'warning' : 'note',
    what: `${table} also gets rows by logical replication, for which ${byStatement.map((one) => one.name).join(' and ')} never fire, however they are enabled.`,
    why: 'It fires only triggers for each row, those that are enabled always. If such rows are to be captured, capture the table by a trigger of your own, and do not call createTriggerForTable() for it any more.',
    mend: [
      inOneTransaction([
        ...ours.map((one) => `drop trigger ${quoteIdentifier(one.name)} on ${table}`),
        `create trigger ${name} after insert or update or delete on ${table} for each row execute function ${capture}(${quoteLiteral(channel)})`,
        `alter table ${table} enable always trigger ${name}`,
      ]),
    ],
  };
}

function findingOf(trigger: FoundTrigger): Finding[] {
  const { name, table, enabled } = trigger;
  if (isByStatement(trigger)) {
    return [
      {
        check: CHECK,
        severity: 'note',
        what: `${table} also gets rows by logical replication, for which ${name} never fires, however it is enabled.`,
        why: 'It fires only triggers for each row, those that are enabled always.',
      },
    ];
  }
  if (enabled !== 'O') return [];
  return [
    {
      check: CHECK,
      severity: 'note',
      what: `${table} also gets rows by logical replication, for which ${name} does not fire.`,
      mend: [`alter table ${table} enable always trigger ${quoteIdentifier(name)};`],
    },
  ];
}
