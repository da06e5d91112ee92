import { type Names, qualified, quoteIdentifier } from '../../db/names.ts';
import { OWN_TABLES } from '../../db/own-tables.ts';
import { type Queryable, query } from '../../db/queryable.ts';
import type { Finding, Patient } from './finding.ts';
import { packageIndexes } from './package-sql.ts';

const CHECK = 'tables';

/** What a crash of the server has to empty; see migrations/0001. */
const UNLOGGED = ['server_life', 'consumer_member'];

/** Whether pgwatch's own tables and indexes are as they were made. */
export async function checkTables({ db }: Patient): Promise<readonly Finding[]> {
  const { pool, names } = db;
  const findings = [
    ...(await checkIndexes(pool, names)),
    ...(await checkPersistence(pool, names)),
    ...(await checkRowSecurity(pool, names)),
    ...(await checkForeignTriggers(pool, names)),
  ];
  if (findings.length > 0) return findings;
  return [{ check: CHECK, severity: 'ok', what: 'Tables and indexes are as they were made.' }];
}

async function checkIndexes(db: Queryable, names: Names): Promise<Finding[]> {
  const wanted = await packageIndexes(names);
  const rows = await query<{ name: string; valid: boolean }>(
    db,
    `select c.relname::text as name, i.indisvalid and i.indisready as valid
     from pg_index i
     join pg_class c on c.oid = i.indexrelid
     join pg_namespace n on n.oid = c.relnamespace and n.nspname = $1`,
    [names.schema],
  );
  const valid = new Map(rows.map((row) => [row.name, row.valid]));
  return wanted.flatMap(({ name, statement }): Finding[] => {
    const found = valid.get(name);
    if (found === true) return [];
    const create = `${statement.replace('create index', 'create index concurrently')};`;
    return [
      {
        check: CHECK,
        severity: 'problem',
        what: `The index ${name} is ${found === undefined ? 'missing' : 'invalid'}.`,
        why: 'What it is for reads the whole table instead.',
        mend:
          found === undefined
            ? [create]
            : [`reindex index concurrently ${qualified(names, name)};`],
      },
    ];
  });
}

async function checkPersistence(db: Queryable, names: Names): Promise<Finding[]> {
  const rows = await query<{ name: string; unlogged: boolean }>(
    db,
    `select c.relname::text as name, c.relpersistence = 'u' as unlogged
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relname = any ($2) and c.relkind = 'r'
       and (c.relpersistence = 'u') <> (c.relname = any ($3))`,
    [names.schema, OWN_TABLES, UNLOGGED],
  );
  return rows.map(({ name, unlogged }) => ({
    check: CHECK,
    severity: 'problem',
    what: `The table ${name} is ${unlogged ? 'unlogged' : 'logged'}.`,
    why: unlogged
      ? 'A crash of the server empties it.'
      : 'It tells daemons of a crash of the server by being empty then; as it is, they would go on with cursors that may pass over notifications.',
    mend: [`alter table ${qualified(names, name)} set ${unlogged ? 'logged' : 'unlogged'};`],
  }));
}

async function checkRowSecurity(db: Queryable, names: Names): Promise<Finding[]> {
  const rows = await query<{ name: string; active: boolean }>(
    db,
    `select c.relname::text as name, row_security_active(c.oid) as active
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relname = any ($2) and c.relkind = 'r' and c.relrowsecurity`,
    [names.schema, OWN_TABLES],
  );
  return rows.map(({ name, active }) => ({
    check: CHECK,
    severity: active ? 'problem' : 'warning',
    what: `Row security is on for the table ${name}${active ? ', and hides rows from this role' : ''}.`,
    why: 'A consumer whose role does not see a row passes over it.',
    mend: [`alter table ${qualified(names, name)} disable row level security;`],
  }));
}

async function checkForeignTriggers(db: Queryable, names: Names): Promise<Finding[]> {
  const rows = await query<{ name: string; table: string }>(
    db,
    `select t.tgname::text as name, c.relname::text as table
     from pg_trigger t
     join pg_class c on c.oid = t.tgrelid
     join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relname = any ($2) and not t.tgisinternal`,
    [names.schema, OWN_TABLES],
  );
  return rows.map(({ name, table }) => ({
    check: CHECK,
    severity: 'warning',
    what: `The table ${table} has a trigger ${name} that is not pgwatch's.`,
    why: 'It can change or refuse what pgwatch writes.',
    mend: [`drop trigger ${quoteIdentifier(name)} on ${qualified(names, table)};`],
  }));
}
