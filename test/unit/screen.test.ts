import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { outputOf } from '../../src/cli/output.ts';
import { Screen } from '../../src/cli/screen.ts';

/** A terminal of this size, and what was written to it. */
function terminal(columns: number, rows: number) {
  const stream = Object.assign(new PassThrough(), { isTTY: true, columns, rows });
  return { screen: new Screen(outputOf(stream)), written: () => String(stream.read() ?? '') };
}

/** Without what steers the terminal. */
const linesOf = (written: string) =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is left out.
  written.replaceAll(/\u001b\[\d*[A-Z]/g, '').split('\n');

const text = (lines: number) => Array.from({ length: lines }, (_, n) => `line ${n + 1}\n`).join('');

it('shows a text in the place of the one before', () => {
  const { screen, written } = terminal(40, 10);
  screen.show(text(3));
  expect(written()).toBe(
    '\u001b[2J\u001b[Hline 1\u001b[K\nline 2\u001b[K\nline 3\u001b[K\n\u001b[J',
  );
  screen.show(text(1));
  expect(written()).toBe('\u001b[Hline 1\u001b[K\n\u001b[J');
});

it('never shows more lines than the terminal has, or it would scroll; and says how many are left out', () => {
  const { screen, written } = terminal(60, 5);
  screen.show(text(4));
  expect(linesOf(written())).toEqual(['line 1', 'line 2', 'line 3', 'line 4', '']);
  screen.show(text(9));
  expect(linesOf(written())).toEqual([
    'line 1',
    'line 2',
    'line 3',
    '… 6 more lines, for which there is no room',
    '',
  ]);
});

it('shows no line that would go on in the next, and keeps the spaces of a table', () => {
  const { screen, written } = terminal(20, 5);
  screen.show('a    b\n123456789 123456789 123456789\n');
  expect(linesOf(written())).toEqual(['a    b', '123456789 12345678…', '']);
});

it('where there is no terminal, shows all of one text after the other', () => {
  const stream = new PassThrough();
  const screen = new Screen(outputOf(stream));
  screen.show(text(100));
  screen.show('once more\n');
  expect(String(stream.read())).toBe(`${text(100)}once more\n`);
});
