import type { Database } from '../db/database.ts';
import { whileNobodyElseMigrates } from '../db/migrator.ts';
import { type Names, qualified, quoteIdentifier } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';
import type { Tables } from '../db/tables.ts';
import { PgwatchError } from '../errors.ts';
import { suggest } from '../suggest.ts';

/**
 * What a role that owns nothing of pgwatch may be given.
 *
 *   producer   sends notifications and writes captured tables; PUBLIC may do so by default
 *   consumer   runs `pgwatch listen` and `pgwatch notify`
 *   cleanup    runs `pgwatch cleanup`
 */
export type Right = 'producer' | 'consumer' | 'cleanup';

/** Which roles are to get each right. */
export type RoleRights = Readonly<Record<Right, readonly string[]>>;

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
    'catalog_changes()',
    'change_payload(text[], text, jsonb, jsonb)',
    'change_payload_in_part(text[], text, jsonb, jsonb, text)',
    'describe_table(oid)',
    'described_table(oid)',
    'record_id(text[], jsonb)',
    'record_key(text[], jsonb)',
    'row_to_jsonb_leniently(anyelement, oid)',
    'table_of_session(oid)',
    'table_stamp(oid, oid)',
  ],
  consumer: ['text_of(jsonb, integer)', 'partition_of(text, bigint, integer)'],
  cleanup: ['partition_of(text, bigint, integer)'],
} as const satisfies Record<Right, readonly string[]>;

/** The functions that users name, in a schema of their choice. */
const USERS_FUNCTIONS = ['smart_notify(text, jsonb, text)', 'notify_data_change()'];

/** The SQL that gives the rights; giving them again changes nothing. */
export function grantStatements(names: Names, rights: RoleRights): readonly string[] {
  return (['producer', 'consumer', 'cleanup'] as const).flatMap((right) => {
    if (rights[right].length === 0) return [];
    const roles = rights[right].map(quoteIdentifier).join(', ');
    return privilegesOf(names, right).map((privilege) => `grant ${privilege} to ${roles}`);
  });
}

function privilegesOf(names: Names, right: Right): readonly string[] {
  const inSchema = FUNCTION_RIGHTS[right].map((name) => `${quoteIdentifier(names.schema)}.${name}`);
  const execute = inSchema.length === 0 ? [] : [`execute on function ${inSchema.join(', ')}`];
  const usage = `usage on schema ${quoteIdentifier(names.schema)}`;
  if (right === 'producer') {
    const schema = quoteIdentifier(names.functionsSchema);
    const named = USERS_FUNCTIONS.map((name) => `${schema}.${name}`).join(', ');
    return [usage, `usage on schema ${schema}`, ...execute, `execute on function ${named}`];
  }
  const tables = Object.entries(TABLE_RIGHTS).flatMap(([table, needed]) => {
    const privileges = new Map<string, string>(Object.entries(needed)).get(right);
    return privileges === undefined ? [] : [`${privileges} on ${qualified(names, table)}`];
  });
  return [usage, ...tables, ...execute];
}

/**
 * Gives roles what they need.
 * @throws ROLE_UNKNOWN; RIGHTS_MISSING when what is to be granted is not ours: PostgreSQL only warns
 */
export async function grantRights(db: Database, rights: RoleRights): Promise<void> {
  await assertRolesExist(db.pool, Object.values(rights).flat());
  await assertOwner(db.pool, db.names);
  // Two GRANTs on one table at the same time may fail.
  await whileNobodyElseMigrates(db.sessionServers, db.names, async () => {
    await query(db.pool, grantStatements(db.names, rights).join(';\n'), []);
  });
  await assertFunctionsReachable(db.pool, db.names, rights.producer);
}

async function assertRolesExist(db: Queryable, roles: readonly string[]): Promise<void> {
  const rows = await query<{ name: string }>(
    db,
    `select rolname::text as name from pg_roles where rolname !~ '^pg_' order by 1`,
    [],
  );
  const known = rows.map(({ name }) => name);
  const unknown = roles.find((role) => !known.includes(role));
  if (unknown === undefined) return;
  throw new PgwatchError('ROLE_UNKNOWN', {
    what: `The server has no role "${unknown}".${suggest(unknown, known)}`,
    hint: 'Create it (create role … login), or correct the name; upper and lower case count.',
  });
}

/** The schema of the functions may be somebody else's, and then our GRANT came to a warning. */
async function assertFunctionsReachable(
  db: Queryable,
  { functionsSchema }: Names,
  roles: readonly string[],
): Promise<void> {
  const [row] = await query<{ role: string; owner: string }>(
    db,
    `select r.role, nspowner::regrole::text as owner
     from unnest($1::text[]) as r (role) join pg_namespace on nspname = $2
     where not has_schema_privilege(r.role, pg_namespace.oid, 'usage')`,
    [roles, functionsSchema],
  );
  if (row === undefined) return;
  const schema = quoteIdentifier(functionsSchema);
  throw new PgwatchError('RIGHTS_MISSING', {
    what: `The role "${row.role}" may not use the schema ${schema}, in which the functions are.`,
    why: `It belongs to ${row.owner}, and only its owner can allow that.`,
    hint: `Run as its owner or a superuser: grant usage on schema ${schema} to ${quoteIdentifier(row.role)}.`,
  });
}

async function assertOwner(db: Queryable, names: Names): Promise<void> {
  const [row] = await query<{ role: string; owner: string; is_owner: boolean }>(
    db,
    `select current_user::text as role, relowner::regrole::text as owner,
            pg_has_role(relowner, 'usage') as is_owner
     from pg_class where oid = $1::regclass`,
    [qualified(names, 'notification_log')],
  );
  if (row === undefined || row.is_owner) return;
  throw new PgwatchError('RIGHTS_MISSING', {
    what: `The role "${row.role}" cannot grant rights: pgwatch's tables belong to ${row.owner}.`,
    hint: `Run it as ${row.owner}, or as a superuser.`,
  });
}
