import { type Names, quoteIdentifier } from '../../db/names.ts';
import { ownMigrations } from '../../db/own-migrations.ts';

/** A function as the newest migration that makes it has it. */
export interface PackageFunction {
  /** Unquoted. */
  readonly schema: string;
  readonly name: string;
  /** The types of its arguments, as PostgreSQL names them: `text, jsonb`. */
  readonly types: string;
  /** Between the quotes, to the letter: pg_proc.prosrc. */
  readonly body: string;
  readonly securityDefiner: boolean;
  /** pg_proc.proconfig. */
  readonly settings: readonly string[];
  /** SQL that makes it so, also who may call it. */
  readonly statements: readonly string[];
}

export interface PackageIndex {
  readonly name: string;
  /** `create index …`, without a semicolon. */
  readonly statement: string;
}

const FUNCTION =
  /^create (?:or replace )?function\s+(?<qualified>(?<schema>"(?:[^"]|"")*")\.(?<name>\w+))\s*\((?<parameters>[^)]*)\)[\s\S]*?\$pgwatch_body\$(?<body>[\s\S]*?)\$pgwatch_body\$;/gm;
const INDEX = /^create index (?<name>\w+) on [^;]+/gm;
const GRANT = /^(?:grant|revoke) execute on function[^;]+;/gm;

async function packageSql(names: Names): Promise<string> {
  const scripts = await ownMigrations(names);
  return scripts.map(({ up }) => (up.kind === 'sql' ? up.text : '')).join('\n');
}

/** The functions that this version of pgwatch installs. */
export async function packageFunctions(names: Names): Promise<readonly PackageFunction[]> {
  const text = await packageSql(names);
  const grants = text.match(GRANT) ?? [];
  const found = new Map<string, PackageFunction>();
  for (const match of text.matchAll(FUNCTION)) {
    const {
      qualified = '',
      schema = '',
      name = '',
      parameters = '',
      body = '',
    } = match.groups ?? {};
    const types = typesOf(parameters);
    const [statement] = match;
    const head = statement.slice(0, statement.indexOf('$pgwatch_body$'));
    found.set(`${qualified}(${types})`, {
      schema:
        [names.schema, names.functionsSchema].find((one) => quoteIdentifier(one) === schema) ?? '',
      name,
      types: types.replaceAll('timestamptz', 'timestamp with time zone'),
      body,
      securityDefiner: /\bsecurity definer\b/.test(head),
      settings: [...head.matchAll(/^set ([\w.]+) = (.*)$/gm)].map(
        ([, key, value]) => `${key}=${value === "''" ? '' : value}`,
      ),
      statements: [
        statement.replace(/^create function/, 'create or replace function'),
        ...grants.flatMap((grant) => grantsOf(grant, `${qualified}(${types})`)),
      ],
    });
  }
  return [...found.values()];
}

/** Of parameters as they are declared: `name type default …`. As GRANT and REVOKE name them, too. */
function typesOf(parameters: string): string {
  const declared = parameters.split(',').map((one) => one.trim());
  return declared.map((one) => one.replace(/ default .*$/, '').replace(/^\w+ /, '')).join(', ');
}

/** What of a GRANT or REVOKE, which may name many functions, is about this one. */
function grantsOf(grant: string, signature: string): string[] {
  if (!grant.includes(signature)) return [];
  return [
    grant.startsWith('grant')
      ? `grant execute on function ${signature} to public;`
      : `revoke execute on function ${signature} from public;`,
  ];
}

/** The indexes, apart from those of primary keys. */
export async function packageIndexes(names: Names): Promise<readonly PackageIndex[]> {
  const text = await packageSql(names);
  return [...text.matchAll(INDEX)].map((match) => ({
    name: match.groups?.['name'] ?? '',
    statement: match[0].trim(),
  }));
}
