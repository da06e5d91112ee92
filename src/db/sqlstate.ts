import pg from 'pg';

/** The SQLSTATEs that pgwatch decides by, named. */
export const SQLSTATE = {
  undefinedTable: '42P01',
  undefinedColumn: '42703',
  undefinedFunction: '42883',
  invalidSchemaName: '3F000',
  insufficientPrivilege: '42501',
  lockNotAvailable: '55P03',
  activeSqlTransaction: '25001',
  featureNotSupported: '0A000',
  notInPrerequisiteState: '55000',
  invalidPassword: '28P01',
  invalidAuthorization: '28000',
  undefinedDatabase: '3D000',
  queryCanceled: '57014',
  characterNotInRepertoire: '22021',
  datetimeOverflow: '22008',
  diskFull: '53100',
  tooManyConnections: '53300',
  adminShutdown: '57P01',
  crashShutdown: '57P02',
  cannotConnectNow: '57P03',
  readOnlyTransaction: '25006',
} as const;

/** The SQLSTATE (or Node's error code) of an error, undefined for anything else. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/**
 * Whether the server has refused a statement: it answered, and its transaction has come to nothing.
 * Not so when it was shut down meanwhile (FATAL), or the connection broke: a commit may have taken
 * place then.
 */
export function wasRefused(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.severity === 'ERROR';
}
