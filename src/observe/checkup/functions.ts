import { type Queryable, query } from '../../db/queryable.ts';
import type { Finding, Patient } from './finding.ts';
import { type PackageFunction, packageFunctions } from './package-sql.ts';

const CHECK = 'functions';

interface Row {
  schema: string;
  name: string;
  types: string;
  body: string;
  security_definer: boolean;
  settings: string[];
}

/** Whether the database's functions are, to the letter, those that this version installs. */
export async function checkFunctions({ db }: Patient): Promise<readonly Finding[]> {
  const wanted = await packageFunctions(db.names);
  const installed = await readFunctions(db.pool, wanted);
  const findings = wanted.flatMap((one) => findingsOf(one, installed));
  if (findings.length > 0) return findings;
  const what = `All ${wanted.length} functions are those of this version.`;
  return [{ check: CHECK, severity: 'ok', what }];
}

function readFunctions(db: Queryable, wanted: readonly PackageFunction[]): Promise<Row[]> {
  return query<Row>(
    db,
    `select n.nspname::text as schema, p.proname::text as name,
            oidvectortypes(p.proargtypes) as types, p.prosrc as body,
            p.prosecdef as security_definer, coalesce(p.proconfig, '{}') as settings
     from unnest($1::text[], $2::text[]) as wanted (schema, name)
     join pg_namespace n on n.nspname = wanted.schema
     join pg_proc p on p.pronamespace = n.oid and p.proname = wanted.name`,
    [wanted.map(({ schema }) => schema), wanted.map(({ name }) => name)],
  );
}

function findingsOf(wanted: PackageFunction, installed: readonly Row[]): Finding[] {
  const found = installed.find(
    ({ schema, name, types }) =>
      schema === wanted.schema && name === wanted.name && types === wanted.types,
  );
  const how = found === undefined ? undefined : difference(wanted, found);
  if (found !== undefined && how === undefined) return [];
  const shown = `${wanted.schema}.${wanted.name}(${wanted.types})`;
  return [
    {
      check: CHECK,
      severity: 'problem',
      what:
        how === undefined
          ? `The function ${shown} is missing.`
          : `The function ${shown} is not that of this version: ${how}.`,
      why: 'Somebody has changed it, or put that of another version in its place; what it writes may not be what is promised.',
      mend: wanted.statements,
    },
  ];
}

function difference(wanted: PackageFunction, found: Row): string | undefined {
  if (found.body !== wanted.body) return 'its body is another one';
  if (found.security_definer !== wanted.securityDefiner) {
    return wanted.securityDefiner ? 'it is not SECURITY DEFINER' : 'it is SECURITY DEFINER';
  }
  const settings = [...found.settings].sort().join('; ');
  if (settings !== [...wanted.settings].sort().join('; ')) {
    return `its settings are ${settings === '' ? 'none' : settings}`;
  }
  return undefined;
}
