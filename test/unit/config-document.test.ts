import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DEFAULTS } from '../../src/config/defaults.ts';
import { SETTINGS, type Setting } from '../../src/config/settings.ts';

const LINES = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8').split(
  '\n',
);

function rowOf(key: string): string[] {
  const [row, ...others] = LINES.filter((line) => line.startsWith(`| \`${key}\` |`));
  if (row === undefined || others.length > 0) throw new Error(`"${key}" has ${others.length} rows`);
  return row.split('|').map((cell) => cell.trim());
}

const settings: readonly Setting[] = SETTINGS;

test.each(settings)('docs/configuration.md tells variables and flag of $key', (setting) => {
  const [, , , , , variables = '', flag] = rowOf(setting.key);
  expect(variables.match(/`\w+`/g)).toEqual(setting.variables.map((name) => `\`${name}\``));
  expect(flag).toBe(setting.flag === undefined ? '' : `\`${setting.flag}\``);
});

const defaults = Object.entries(DEFAULTS).flatMap(([key, value]): [string, string][] =>
  typeof value === 'object' && !Array.isArray(value)
    ? Object.entries(value).map(([inner, found]) => [`${key}.${inner}`, String(found)])
    : [[key, String(value)]],
);

test.each(defaults)('docs/configuration.md tells the default of %s', (key, value) => {
  expect(rowOf(key)[4]).toBe(`\`${value}\``);
});
