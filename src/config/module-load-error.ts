import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { sep } from 'node:path';
import { cwd, execPath } from 'node:process';
import { inspect } from 'node:util';
import { formatPlace, type Place, pathOf, placeInStack, shownPath } from '../error-place.ts';

/**
 * One of the user's modules could not be loaded. `message` is one sentence with file, line and
 * reason, fit for a user-facing error; `cause` is what was thrown.
 */
export class ModuleLoadError extends Error {
  override readonly name = 'ModuleLoadError';

  constructor(message: string, cause: unknown) {
    super(message, { cause });
  }
}

const NO_TOP_LEVEL_AWAIT = 'Top-level await is currently not supported with the "cjs"';

/** Why `file` could not be loaded, as `consumers/a.ts:3:5: Unexpected ","`. */
export async function explainLoadFailure(file: string, thrown: unknown): Promise<string> {
  if (!existsSync(file)) return `${shownPath(file)}: the file does not exist`;
  const reason = reasonOf(thrown);
  const place = thrown instanceof Error ? await placeOf(file, thrown) : undefined;
  if (place === undefined) return `${shownPath(file)}: ${reason}`;
  const where = formatPlace(place);
  return place.file === file
    ? `${where}: ${reason}`
    : `${shownPath(file)}: ${reason} (at ${where})`;
}

async function placeOf(file: string, error: Error): Promise<Place | undefined> {
  const place = placeInMessage(error) ?? placeInStack(error);
  return place === undefined && error instanceof SyntaxError ? placeFromSyntaxCheck(file) : place;
}

/** What the compiler behind tsx says: `<path>:<line>:<column>: ERROR: <text>`. */
const COMPILER_COMPLAINT = /^(.+):(\d+:\d+): ERROR: (.+)$/m;

function placeInMessage(error: Error): Place | undefined {
  const [, file, position] = COMPILER_COMPLAINT.exec(error.message) ?? [];
  return file === undefined || position === undefined ? undefined : { file, position };
}

/** Node does not say where an ES module fails to parse; `node --check` does. */
async function placeFromSyntaxCheck(file: string): Promise<Place | undefined> {
  const complaint = await new Promise<string>((resolve) => {
    execFile(execPath, ['--check', file], (_failure, _output, errors) => resolve(errors));
  });
  const [, address, position] = /^(.+):(\d+)$/m.exec(complaint) ?? [];
  return address === undefined || position === undefined
    ? undefined
    : { file: pathOf(address), position };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error))
    return `it threw ${inspect(error, { depth: 1, breakLength: Number.POSITIVE_INFINITY })}`;
  const reason = COMPILER_COMPLAINT.exec(error.message)?.[3] ?? error.message;
  if (reason.startsWith(NO_TOP_LEVEL_AWAIT)) {
    return 'top-level await needs an ES module: name the file .mts, or set "type": "module" in package.json';
  }
  const [text = ''] = reason.split('\nRequire stack:');
  const shown = text
    .replaceAll(cwd() + sep, '')
    .replaceAll('file://', '')
    .trim();
  return error.name === 'Error' || error.name === 'TransformError' || error.name === 'PgwatchError'
    ? shown || 'it threw an error without a message'
    : `${error.name}: ${shown}`;
}
