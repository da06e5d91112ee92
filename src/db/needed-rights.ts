import { type Names, qualified, quoteIdentifier } from './names.ts';
import type { Tables } from './tables.ts';

/**
 * What a role that owns nothing of pgwatch may be given.
 *
 *   producer   sends notifications and writes captured tables; PUBLIC may do so by default
 *   consumer   runs `pgwatch listen` and `pgwatch notify`
 *   cleanup    runs `pgwatch cleanup`
 */
export type Right = 'producer' | 'consumer' | 'cleanup';

type TableRight = Exclude<Right, 'producer'>;

/** A table that is new here has to say who needs it. */
const TABLE_RIGHTS = {
  installation: { consumer: 'select', cleanup: 'select' },
  migration: { consumer: 'select', cleanup: 'select' },
  project_migration: {},
  notification_log: { consumer: 'select', cleanup: 'select, delete' },
  server_life: { consumer: 'select, insert' },
  consumer: { consumer: 'select, insert, update', cleanup: 'select' },
  consumer_member: { consumer: 'select, insert, update, delete' },
  consumer_cursor: { consumer: 'select, insert, update, delete', cleanup: 'select' },
  redelivery: { consumer: 'select, insert, update, delete', cleanup: 'select, delete' },
} as const satisfies Record<keyof Tables, Partial<Record<TableRight, string>>>;

/** Functions of pgwatch's schema. The producers' are those that the migrations grant to PUBLIC. */
const FUNCTION_RIGHTS = {
  producer: [
    'append(text, text, jsonb, boolean)',
    'append_many(text, text[], jsonb[])',
    'capture_statement()',
    'change_payload(text[], text, jsonb, jsonb)',
    'change_payload_in_part(text[], text, jsonb, jsonb, text)',
    'describe_table(oid)',
    'described_table(oid)',
    'record_id(text[], jsonb)',
    'record_id_of_columns(text[], jsonb)',
    'record_key(text[], jsonb)',
    'record_key_of_columns(text, text[], jsonb)',
    'row_to_jsonb_leniently(anyelement, oid)',
    'table_stamp(oid, oid, integer)',
    'table_stamp_without_column(oid, oid)',
  ],
  consumer: ['text_of(jsonb, integer)', 'partition_of(text, bigint, integer)'],
  cleanup: ['partition_of(text, bigint, integer)'],
} as const satisfies Record<Right, readonly string[]>;

/** The functions that users name, in a schema of their choice. */
const USERS_FUNCTIONS = [
  'smart_notify(text, jsonb, text)',
  'smart_notify(text, jsonb, text, text)',
  'notify_data_change()',
];

/** Privileges on one thing, as GRANT names them. */
export interface NeededRight {
  readonly privileges: string;
  readonly kind: 'schema' | 'table' | 'function';
  /** Qualified and quoted; of a function with its argument types. */
  readonly object: string;
}

/** What a role has to have for one of the rights. */
export function neededRights(names: Names, right: Right): readonly NeededRight[] {
  const schema = quoteIdentifier(names.schema);
  const usage = (object: string) => ({ privileges: 'usage', kind: 'schema', object }) as const;
  const execute = (object: string) =>
    ({ privileges: 'execute', kind: 'function', object }) as const;
  const functions = FUNCTION_RIGHTS[right].map((name) => execute(`${schema}.${name}`));
  if (right === 'producer') {
    const usersSchema = quoteIdentifier(names.functionsSchema);
    const named = USERS_FUNCTIONS.map((name) => execute(`${usersSchema}.${name}`));
    return [usage(schema), usage(usersSchema), ...functions, ...named];
  }
  const tables = Object.entries(TABLE_RIGHTS).flatMap(([table, needed]) => {
    const privileges = new Map<string, string>(Object.entries(needed)).get(right);
    if (privileges === undefined) return [];
    return [{ privileges, kind: 'table', object: qualified(names, table) } as const];
  });
  return [usage(schema), ...tables, ...functions];
}
