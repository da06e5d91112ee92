import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { EXIT_CODES } from '../../src/cli/report-error.ts';
import { ERROR_KINDS, type ErrorCode, PgwatchError } from '../../src/errors.ts';

const DOCUMENT = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');

/** The rows of the tables of codes: code, exit code, meaning, remedy. */
const ROWS = DOCUMENT.split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .flatMap(([, code, exit, meaning, remedy]) => {
    const name = /^`([A-Z_]+)`$/.exec(code ?? '')?.[1];
    return name === undefined ? [] : [{ name, exit, meaning, remedy }];
  });

function isCode(name: string): name is ErrorCode {
  return Object.hasOwn(ERROR_KINDS, name);
}

const CODES = Object.keys(ERROR_KINDS).filter(isCode);

describe('docs/errors.md', () => {
  test.each(CODES)('tells the exit code, meaning and remedy of %s', (code) => {
    const [row, ...others] = ROWS.filter(({ name }) => name === code);
    expect(others).toEqual([]);
    expect(row?.exit).toBe(String(EXIT_CODES[ERROR_KINDS[code]]));
    expect(row?.meaning).toMatch(/^\S.*\.$/);
    expect(row?.remedy).toMatch(/\S.*\.$/);
  });

  test('tells of no code that does not exist', () => {
    expect(ROWS.map(({ name }) => name).filter((name) => !isCode(name))).toEqual([]);
  });
});

describe('an error', () => {
  test('says what and why in its message, and keeps hint and cause', () => {
    const cause = new Error('inner');
    const error = new PgwatchError('USAGE', { what: 'What.', why: 'Why.', hint: 'Hint.', cause });
    expect(error).toMatchObject({
      code: 'USAGE',
      kind: 'usage',
      message: 'What. Why.',
      hint: 'Hint.',
      cause,
    });
    expect(new PgwatchError('USAGE', { what: 'What.' })).toMatchObject({
      message: 'What.',
      hint: undefined,
    });
  });
});
