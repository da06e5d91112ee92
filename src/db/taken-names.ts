import { sql } from 'kysely';
import { PgwatchError } from '../errors.ts';
import type { Database } from './database.ts';
import { appliedMigrations } from './migration-bookkeeping.ts';
import { quoteIdentifier } from './names.ts';
import { ownMigrations } from './own-migrations.ts';

/**
 * Makes sure that the names of the functions that are to be installed where users call them are
 * free. With the same name and other arguments nothing would fail to install, but the calls of the
 * application would no longer be unique; so the name counts, not the arguments.
 *
 * A name that an applied migration has created is ours already, and is not asked about: an upgrade
 * may replace its own functions.
 * @throws FUNCTIONS_TAKEN
 */
export async function assertFunctionsFree(db: Database): Promise<void> {
  const names = await namesToCreate(db);
  if (names.length === 0) return;
  const { functionsSchema } = db.names;
  const { rows } = await sql<{ signature: string; isOurs: boolean }>`
    select format('%I.%I(%s)', nspname, proname, oidvectortypes(proargtypes)) as signature,
           coalesce(obj_description(p.oid, 'pg_proc') like 'pgwatch: %', false) as "isOurs"
    from pg_proc p join pg_namespace n on n.oid = pronamespace
    where nspname = ${functionsSchema} and proname = any(${names})
    order by signature`.execute(db.kysely);
  if (rows.length === 0) return;
  const signatures = rows.map(({ signature }) => signature);
  const owner = rows.every(({ isOurs }) => isOurs)
    ? ' They are of another or a former installation of pgwatch.'
    : '';
  throw new PgwatchError('FUNCTIONS_TAKEN', {
    what: `The schema "${functionsSchema}" has functions with the names of pgwatch's: ${signatures.join(', ')}.${owner}`,
    why: 'With both, what calls them would fail or reach the wrong ones. Nothing was changed.',
    hint: `Set functionsSchema in the configuration to another schema, which leaves these as they are. Or, when nobody needs them any more: drop function ${signatures.join(', ')}; See "Coming from django-pgwatch" in docs/sql.md.`,
  });
}

/** The names that pending migrations create in the schema of the functions, and no applied one did. */
async function namesToCreate({ kysely, names }: Database): Promise<string[]> {
  const applied = await appliedMigrations(kysely, names.schema, 'pgwatch');
  const taken = new Set<string>();
  const wanted = new Set<string>();
  for (const { name, up } of await ownMigrations(names)) {
    if (up.kind !== 'sql') continue;
    const target = applied.has(name) ? taken : wanted;
    for (const created of createdFunctions(up.text, names.functionsSchema)) target.add(created);
  }
  return [...wanted].filter((name) => !taken.has(name));
}

function createdFunctions(text: string, schema: string): string[] {
  const [, ...rest] = text.split(`create function ${quoteIdentifier(schema)}.`);
  return rest.flatMap((after) => /^\w+/.exec(after) ?? []);
}
