import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { shellWord } from '../../src/shell-word.ts';

const run = promisify(execFile);

it.each([
  'welcome_email',
  'größe',
  'two words',
  `it's`,
  '$(rm -r x); `ls`',
  'a"b',
  'a\\b',
  '*',
  '~',
  '#no comment',
  '',
])('a shell takes %j as one word', async (text) => {
  const { stdout } = await run('sh', ['-c', `printf '<%s>' ${shellWord(text)}`]);
  expect(stdout).toBe(`<${text}>`);
});

it('what needs no quotes has none', () => {
  expect(shellWord('welcome_email')).toBe('welcome_email');
});
