import { type CapturedTable, findTable } from '../../capture/captured-table.ts';
import { triggerNames } from '../../capture/trigger-names.ts';
import {
  captureStatements,
  TRANSITION_TABLE,
  triggerType,
  type WantedTrigger,
  wantedTriggers,
} from '../../capture/wanted-triggers.ts';
import { quoteIdentifier } from '../../db/names.ts';
import { failed } from './connection.ts';
import type { Finding, Patient } from './finding.ts';
import { type FoundTrigger, findTriggers } from './found-triggers.ts';
import { inOneTransaction } from './one-transaction.ts';
import { checkReplicatedTables } from './replicated-tables.ts';

const CHECK = 'triggers';

/** Whether the triggers that capture tables fire, and are what createTriggerForTable() makes today. */
export async function checkTriggers(patient: Patient): Promise<readonly Finding[]> {
  const { pool, names } = patient.db;
  const triggers = await findTriggers(pool, names);
  const options = { functionsSchema: names.functionsSchema, pgwatchSchema: names.schema };
  const own = new Set<string>(Object.values(triggerNames(names.schema)));
  const findings = triggers.flatMap(disabledFinding);
  const tables = new Map<string, FoundTrigger[]>();
  for (const trigger of triggers.filter(({ isClone }) => !isClone)) {
    tables.set(trigger.table, [...(tables.get(trigger.table) ?? []), trigger]);
  }
  for (const found of tables.values()) {
    const [first] = found;
    const ours = found.filter(({ name }) => own.has(name));
    const twice = capturedTwice(found, ours);
    findings.push(...twice);
    // A trigger by hand changes what the helper would make.
    if (twice.length > 0) continue;
    if (first === undefined || ours.length === 0 || isPartOfCaptured(first, triggers)) continue;
    try {
      const table = await findTable(pool, first.tableName, { ...options, schema: first.schema });
      findings.push(...driftOf(table, ours, options));
    } catch (error) {
      findings.push({ ...failed(CHECK, error), severity: 'warning' });
    }
  }
  findings.push(...(await checkReplicatedTables(patient, triggers)));
  if (findings.length > 0) return findings;
  const what =
    tables.size === 0
      ? 'No table is captured.'
      : `${tables.size} captured ${tables.size === 1 ? 'table has' : 'tables have'} the triggers that it takes.`;
  return [{ check: CHECK, severity: tables.size === 0 ? 'note' : 'ok', what }];
}

/** A partition has its table's triggers, and findTable() refuses it. */
function isPartOfCaptured({ table }: FoundTrigger, triggers: readonly FoundTrigger[]): boolean {
  return triggers.some((trigger) => trigger.table === table && trigger.isClone);
}

function disabledFinding({ name, table, enabled }: FoundTrigger): Finding[] {
  if (enabled === 'O' || enabled === 'A') return [];
  return [
    {
      check: CHECK,
      severity: 'problem',
      what: `The trigger ${name} on ${table} ${enabled === 'D' ? 'is disabled' : 'fires for replication only'}.`,
      why: 'What changes there meanwhile is not in the log, and never will be.',
      mend: [`alter table ${table} enable trigger ${quoteIdentifier(name)};`],
    },
  ];
}

function driftOf(
  table: CapturedTable,
  ours: readonly FoundTrigger[],
  options: { functionsSchema: string; pgwatchSchema: string },
): Finding[] {
  const wanted = wantedTriggers(table, options);
  // The one for updates is there in every case.
  const channel = (ours.find(({ type }) => (type & UPDATE) > 0) ?? ours[0])?.channel;
  const differences = [
    ...wanted.flatMap((one) => differenceOf(one, ours, channel)),
    ...[...table.triggers, ...table.partitionTriggers]
      .filter(({ name }) => !wanted.some((one) => one.name === name))
      .map((gone) => `${gone.name} on ${gone.table} does not belong there`),
  ];
  if (differences.length === 0) return [];
  return [
    {
      check: CHECK,
      severity: 'problem',
      what: `${table.name} is not captured as createTriggerForTable() does it today: ${differences.join('; ')}.`,
      why: 'The table, its triggers or pgwatch have changed since: some changes may be missing in the log, or be there twice.',
      // Between its parts, what is written would not be captured.
      mend: [inOneTransaction(captureStatements(table, channel ?? 'data_change', options))],
    },
  ];
}

const UPDATE = 16;

function differenceOf(
  wanted: WantedTrigger,
  ours: readonly FoundTrigger[],
  channel: string | undefined,
): string[] {
  const found = ours.find(({ name }) => name === wanted.name);
  if (found === undefined) return [`${wanted.name} is missing`];
  const { transition } = wanted;
  const differs = [
    found.type === triggerType(wanted) ? undefined : 'fires for other events',
    found.function === wanted.function ? undefined : `calls ${found.function}()`,
    found.channel === channel ? undefined : `writes the channel ${found.channel ?? 'data_change'}`,
    found.conditional ? 'has a condition' : undefined,
    found.ofColumns ? 'fires for some columns only' : undefined,
    found.newTable === (transition === 'new' ? TRANSITION_TABLE : null) &&
    found.oldTable === (transition === 'old' ? TRANSITION_TABLE : null)
      ? undefined
      : 'has another transition table',
  ].filter((difference) => difference !== undefined);
  return differs.map((difference) => `${wanted.name} ${difference}`);
}

/** By our triggers and by one made by hand. */
function capturedTwice(
  found: readonly FoundTrigger[],
  ours: readonly FoundTrigger[],
): readonly Finding[] {
  const byHand = found.filter((trigger) => !ours.includes(trigger));
  return byHand.flatMap((one): Finding[] => {
    const others = [...ours, ...byHand].filter((other) => other !== one);
    const twice = others.find(
      (other) => other.type & one.type & EVENTS && sameChannel(other, one) && ours.includes(other),
    );
    if (twice === undefined) return [];
    return [
      {
        check: CHECK,
        severity: 'warning',
        what: `${one.table} is captured twice to the channel ${one.channel ?? 'data_change'}: by ${one.name} and by ${twice.name}.`,
        why: 'Each change is two notifications.',
        mend: [`drop trigger ${quoteIdentifier(one.name)} on ${one.table};`],
      },
    ];
  });
}

const EVENTS = 4 | 8 | 16;

function sameChannel(a: FoundTrigger, b: FoundTrigger): boolean {
  return (a.channel ?? 'data_change') === (b.channel ?? 'data_change');
}
