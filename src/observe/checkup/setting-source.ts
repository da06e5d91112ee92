import { quoteIdentifier } from '../../db/names.ts';
import { type Queryable, query } from '../../db/queryable.ts';

/** A setting as this session has it, and who has set it. */
export interface FoundSetting {
  readonly name: string;
  readonly value: string;
  /** As pg_settings has it. */
  readonly source: string;
  readonly database: string;
  /** Who has logged in: what is set for a role is set at the login. */
  readonly role: string;
}

/** @returns undefined: there is no such setting */
export async function findSetting(db: Queryable, name: string): Promise<FoundSetting | undefined> {
  const [row] = await query<FoundSetting>(
    db,
    `select name, setting as value, source, current_database()::text as database,
            session_user::text as role
     from pg_settings where name = $1`,
    [name],
  );
  return row;
}

/** Whom a setting is given to, as ALTER names it: `role "a" in database "b"`; both undefined: all. */
export function subjectOf(database: string | undefined, role: string | undefined): string {
  if (role !== undefined) {
    const inDatabase = database === undefined ? '' : ` in database ${quoteIdentifier(database)}`;
    return `role ${quoteIdentifier(role)}${inDatabase}`;
  }
  return database === undefined ? 'role all' : `database ${quoteIdentifier(database)}`;
}

/** SQL, or what else has to be done, for new sessions to have a setting at this value. */
export function settingMend(
  { name, source, database, role }: FoundSetting,
  wanted: string,
): readonly string[] {
  switch (source) {
    case 'database':
      return [`alter ${subjectOf(database, undefined)} reset ${name};`];
    case 'user':
      return [`alter ${subjectOf(undefined, role)} reset ${name};`];
    case 'database user':
      return [`alter ${subjectOf(database, role)} reset ${name};`];
    case 'global':
      return [`alter ${subjectOf(undefined, undefined)} reset ${name};`];
    case 'client':
      return [`-- take ${name} out of the options of the database URL, or out of PGOPTIONS`];
    case 'command line':
    case 'environment variable':
      return [
        `-- take ${name} out of the command that starts the server, and restart it; or, over it:`,
        `alter ${subjectOf(database, undefined)} set ${name} = ${wanted};`,
      ];
    default:
      // Over that of postgresql.conf, which RESET would leave in force.
      return [`alter system set ${name} = ${wanted};`, 'select pg_reload_conf();'];
  }
}
