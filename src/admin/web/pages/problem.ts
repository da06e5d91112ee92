import { html } from 'hono/html';
import { explainConnectionError } from '../../../db/connection-error.ts';
import type { Database } from '../../../db/database.ts';
import { explainMissingRights } from '../../../db/missing-rights.ts';
import { assertSchema } from '../../../db/schema-check.ts';
import { isPoolBusy } from '../../../db/server-pool.ts';
import { codeOf, SQLSTATE } from '../../../db/sqlstate.ts';
import { PgwatchError } from '../../../errors.ts';
import { redactUrl } from '../../../redact.ts';
import type { Visit } from '../visit.ts';

export function notFoundPage(visit: Visit): Promise<Response> {
  return visit.page(
    {
      title: 'Not found',
      content: html`<div class="empty">
        There is no such page. <a href="${visit.url('/')}">Go to the overview</a>.
      </div>`,
    },
    404,
  );
}

/** What went wrong, and what to do. Never the bare error: what it quotes may be somebody's data. */
export async function problemPage(visit: Visit, thrown: unknown): Promise<Response> {
  const { db, logger } = visit.site;
  if (isPoolBusy(thrown)) {
    return problem(visit, 503, 'Too busy', [
      'Other pages, or a clean-up or replay that was begun here, use all connections of this page.',
      'Load it again in a moment.',
    ]);
  }
  const error = await explained(thrown, db);
  if (codeOf(error) === SQLSTATE.queryCanceled) {
    return problem(visit, 200, 'That takes too long', [
      'The database took too long to answer, so it was not waited for.',
      'Ask for less, or try again later.',
    ]);
  }
  if (NO_VALUES.has(codeOf(error) ?? '')) {
    return problem(visit, 400, 'That is not possible', [
      'A text has a character that PostgreSQL does not take, or a time lies outside of what it knows.',
    ]);
  }
  if (error instanceof PgwatchError && error.code === 'DATABASE_UNREACHABLE') {
    // Open pages ask every two seconds; whoever serves them logs the outage.
    logger.debug({ err: error, path: visit.path }, 'the database could not be reached');
    return problem(visit, 503, 'The database does not answer', [
      'Whatever runs here waits for it, and so does this page: load it again.',
    ]);
  }
  if (error instanceof PgwatchError) {
    return problem(visit, statusOf(error), titleOf(error), [
      error.message,
      ...(error.hint === undefined ? [] : [error.hint]),
    ]);
  }
  logger.error({ err: error, path: visit.path }, 'a page of the admin server failed');
  return problem(visit, 500, 'Something went wrong', [
    'The log of the process that serves this page tells what.',
  ]);
}

/** What a database's error means, and what to do; any other one as it is. */
async function explained(thrown: unknown, db: Database): Promise<unknown> {
  const error = explainMissingRights(explainConnectionError(thrown, redactUrl(db.url)));
  if (!NOT_THERE.has(codeOf(error) ?? '')) return error;
  return assertSchema(db).then(
    () => error,
    (reason: unknown) => (reason instanceof PgwatchError ? reason : error),
  );
}

/** What a statement meets where the schema has gone, or is another version's. */
const NOT_THERE: ReadonlySet<string> = new Set([
  SQLSTATE.undefinedTable,
  SQLSTATE.undefinedColumn,
  SQLSTATE.undefinedFunction,
  SQLSTATE.invalidSchemaName,
]);

/** What was typed can be no value: U+0000 in a text, a time before all times. */
const NO_VALUES: ReadonlySet<string> = new Set([
  SQLSTATE.characterNotInRepertoire,
  SQLSTATE.datetimeOverflow,
]);

type Status = 200 | 400 | 404 | 409 | 500 | 503;

function statusOf({ code, kind }: PgwatchError): Status {
  if (code === 'CONSUMER_UNKNOWN') return 404;
  if (code.startsWith('SCHEMA_')) return 503;
  return kind === 'usage' ? 400 : 409;
}

function titleOf({ code }: PgwatchError): string {
  return code.startsWith('SCHEMA_') ? 'Nothing can be read' : 'That is not possible';
}

function problem(
  visit: Visit,
  status: Status,
  title: string,
  [what, ...more]: readonly string[],
): Promise<Response> {
  const content = html`<div class="notice problem" role="alert">
    <p>${what}</p>
    ${more.map((text) => html`<p>${text}</p>`)}
  </div>`;
  return visit.page({ title, content }, status);
}
