import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

const [, section = ''] =
  /^## What is promised.*?\n(.*?)^## /ms.exec(read('docs/reliability.md')) ?? [];

/** The rows of the tables: the promise, its bound, and the tests that hold it. */
const ROWS = section
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (?:Promise|---) /.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, promise = '', bound, tests = '', ...end]) => ({ promise, bound, tests, end }));

const HELD = ROWS.filter(({ tests }) => tests !== 'no test yet');

const PLACES = HELD.flatMap(({ tests }) => tests.split('<br>'));

/** The titles of groups and tests in a file, in their order: texts that come first in a call. */
function titlesIn(file: string): readonly string[] {
  const source = read(`test/${file}.test.ts`);
  return [...source.matchAll(/\(\s*(['"])(.+?)\1,\s/g)].map(([, , title = '']) => title);
}

test('docs/reliability.md has a bound, perhaps none, and a test or "no test yet" for each promise', () => {
  expect(HELD.length).toBeGreaterThan(50);
  for (const { promise, bound, tests, end } of ROWS) {
    expect(promise).toMatch(/^\S.*\.$/);
    expect(bound, promise).toBeDefined();
    expect(tests, promise).not.toBe('');
    expect(end, promise).toEqual(['']);
  }
});

test.each([...new Set(PLACES)])('there is a test %s', (place) => {
  const [, file = '', path = ''] =
    /^`((?:unit|integration|e2e|chaos)\/[\w-]+)` (.+)$/.exec(place) ?? [];
  expect(file).not.toBe('');
  const titles = titlesIn(file);
  let from = 0;
  for (const title of path.split(' > ')) {
    const found = titles.indexOf(title, from);
    expect(found, `“${title}” in test/${file}.test.ts`).not.toBe(-1);
    from = found + 1;
  }
});
