import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import { triggerNames } from '../../src/capture/trigger-names.ts';

test('the triggers of an installation are named after its schema', () => {
  expect(triggerNames('pgwatch')).toEqual({
    row: '_pgwatch_capture',
    insert: '_pgwatch_capture_insert',
    delete: '_pgwatch_capture_delete',
  });
});

test('their names come before all that begin with a letter', () => {
  for (const name of Object.values(triggerNames('zebra'))) expect(name < 'a').toBe(true);
});

test.each(['x'.repeat(63), '界'.repeat(21), 'a"b', ''])(
  'no name for the schema %j is cut off',
  (schema) => {
    const names = Object.values(triggerNames(schema));
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
  },
);

test('the names of installations differ, even where the schemas differ in their last letter', () => {
  const long = 'x'.repeat(62);
  expect(triggerNames(`${long}a`).row).not.toBe(triggerNames(`${long}b`).row);
});
