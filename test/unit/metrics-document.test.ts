import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Metrics } from '../../src/metrics/metrics.ts';
import { typesOf } from '../support/metrics-text.ts';

const DOCUMENT = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');

/** The rows of the tables of metrics: name, type, labels, unit, meaning. */
const ROWS = DOCUMENT.split('\n')
  .filter((line) => line.startsWith('| `pgwatch_'))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, name = '', type = '', labels = '', , meaning = '']) => ({
    name: name.replaceAll('`', ''),
    type,
    labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label),
    meaning,
  }));

/** As a scrape has it, the database being away. */
async function shown(): Promise<string> {
  const figures = { latest: async () => undefined, failures: 0 };
  return new Metrics({ consumers: ['a'], figures, version: '1.2.3' }).text();
}

test('docs/metrics.md tells of every metric, with its type, and of none that does not exist', async () => {
  const types = [...typesOf(await shown())].filter(([name]) => name.startsWith('pgwatch_'));
  const documented = ROWS.map(({ name, type }) => [name, type]);
  expect(documented.toSorted()).toEqual(types.toSorted());
  for (const { meaning } of ROWS) expect(meaning).not.toBe('');
});

test('docs/metrics.md tells the labels of each', async () => {
  const text = await shown();
  for (const { name, labels } of ROWS) {
    const [sample] = new RegExp(`^${name}(?:_count)?\\{.*\\}`, 'm').exec(text) ?? [''];
    const found = [...sample.matchAll(/(\w+)="/g)].map(([, label = '']) => label);
    if (found.length > 0) expect(found.toSorted(), name).toEqual(labels.toSorted());
  }
});
