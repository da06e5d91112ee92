import type { Database } from '../db/database.ts';
import { whileNobodyElseMigrates } from '../db/migrator.ts';
import { type Names, qualified, quoteIdentifier } from '../db/names.ts';
import { neededRights, type Right } from '../db/needed-rights.ts';
import { type Queryable, query } from '../db/queryable.ts';
import { PgwatchError } from '../errors.ts';
import { suggest } from '../suggest.ts';

/** Which roles are to get each right. */
export type RoleRights = Readonly<Record<Right, readonly string[]>>;

/** The SQL that gives the rights; giving them again changes nothing. */
export function grantStatements(names: Names, rights: RoleRights): readonly string[] {
  return (['producer', 'consumer', 'cleanup'] as const).flatMap((right) => {
    if (rights[right].length === 0) return [];
    const roles = rights[right].map(quoteIdentifier).join(', ');
    return neededRights(names, right).map(({ privileges, kind, object }) => {
      const place = kind === 'table' ? object : `${kind} ${object}`;
      return `grant ${privileges} on ${place} to ${roles}`;
    });
  });
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
