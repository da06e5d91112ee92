import { describe, expect, it, test } from 'vitest';
import { changesIn } from '../../src/admin/web/change-diff.ts';
import { compactJson, indentedJson } from '../../src/admin/web/json-text.ts';
import { isSameJson, parseJsonTree } from '../../src/admin/web/json-tree.ts';
import { Redaction } from '../../src/admin/web/redaction.ts';
import { visible, visibleStart } from '../../src/admin/web/visible.ts';

const nothing = new Redaction([]);

function shown(json: string, redact: readonly string[] = []): string {
  return compactJson(parseJsonTree(json, new Redaction(redact)));
}

describe('a payload', () => {
  test.each([
    '{"id": 12345678901234567890, "price": 1.50, "tiny": 1e-400, "big": 9007199254740993}',
    '[[], {}, [null, true, false], "text \\" \\\\ \\u0007", -0.0]',
    '"text"',
    '12345678901234567890.123',
    '{"": {"a b": [1, [2, {"c": "}"}]]}}',
  ])('is shown with every digit and escape: %s', (json) => {
    expect(shown(json)).toBe(json);
  });

  it('shows nothing that is redacted: by name everywhere, by path only there, through lists', () => {
    const json = JSON.stringify({
      password: { deep: ['secret'] },
      new_data: {
        card: { number: 'secret', holder: 'Ada' },
        items: [{ price: 'secret', sku: 'x' }],
      },
      old_data: { password: 'secret', card: { number: 'kept' } },
    });
    expect(shown(json, ['password', 'new_data.card.number', '*.items.price'])).toBe(
      '{"password": [redacted], "new_data": {"card": {"number": [redacted], "holder": "Ada"}, "items": [{"price": [redacted], "sku": "x"}]}, "old_data": {"password": [redacted], "card": {"number": "kept"}}}',
    );
  });

  it('that was cut off anywhere shows what is there, and still nothing that is redacted', () => {
    const json =
      '{"a": "x\\"y", "password": {"deep": ["secret", 1]}, "pass\\u0077ord": "secret", "b": [1, {"c": 2}]}';
    const redaction = new Redaction(['password']);
    for (let length = 1; length <= json.length; length += 1) {
      const text = compactJson(parseJsonTree(json.slice(0, length), redaction));
      expect(text).not.toContain('secr');
    }
  });

  it('nested as deeply as one likes is cut, not refused', () => {
    const depth = 200_000;
    const objects = `${'{"a":'.repeat(depth)}{"secret":1,"b":2}${'}'.repeat(depth)}`;
    const redaction = new Redaction(['secret', 'a.a.a.b', 'b']);
    expect(isSameJson(parseJsonTree(objects, redaction), parseJsonTree(objects, nothing))).toBe(
      false,
    );
    const node = parseJsonTree(`${'['.repeat(depth)}1${']'.repeat(depth)}`, nothing);
    expect(compactJson(node)).toContain('[…]');
    expect(indentedJson(node, 1_000).text).toContain('[…]');
    expect(isSameJson(node, node)).toBe(true);
  });

  it('is indented as JSON', () => {
    const json = { a: [1, { b: null }], c: {}, d: 'text' };
    const { text } = indentedJson(parseJsonTree(JSON.stringify(json), nothing), 100);
    expect(text).toBe(JSON.stringify(json, undefined, 2));
  });

  it('is cut where it is long, and says so', () => {
    const { text } = indentedJson(parseJsonTree(`{"a": "${'x'.repeat(5_000)}"}`, nothing), 10);
    expect(text.length).toBeLessThan(2_200);
    expect(text).toContain('… (5,002 characters)');
    const list = parseJsonTree(JSON.stringify(Array.from({ length: 50 })), nothing);
    expect(indentedJson(list, 10)).toMatchObject({ isCut: true });
  });
});

it('is redacted by its whole path, however deep it is', () => {
  const json = '{"a":{"b":{"c":{"d":1}}},"x":{"a":{"b":{"c":{"d":2}}}},"b":{"c":{"d":3}}}';
  expect(shown(json, ['a.b.c.d'])).toBe(
    '{"a": {"b": {"c": {"d": [redacted]}}}, "x": {"a": {"b": {"c": {"d": 2}}}}, "b": {"c": {"d": 3}}}',
  );
});

describe('a change', () => {
  const changes = (old: unknown, fresh: unknown, redact: readonly string[] = []) =>
    changesIn(
      parseJsonTree(
        JSON.stringify({ table: 'users', old_data: old, new_data: fresh }),
        new Redaction(redact),
      ),
    );

  it('is told field by field, also within objects', () => {
    expect(
      changes({ a: 1, b: { c: 1, d: [1] }, e: 1 }, { a: 1, b: { c: 2, d: [1] }, f: null }),
    ).toEqual([
      { field: 'a', before: '1', after: '1', kind: 'same' },
      { field: 'b.c', before: '1', after: '2', kind: 'changed' },
      { field: 'b.d', before: '[1]', after: '[1]', kind: 'same' },
      { field: 'f', before: undefined, after: 'null', kind: 'added' },
      { field: 'e', before: '1', after: undefined, kind: 'removed' },
    ]);
  });

  it('of an insert is all new, of a delete all old; of something else there is none', () => {
    expect(changes(null, { a: 1 })).toMatchObject([{ kind: 'added' }]);
    expect(changes({ a: 1 }, null)).toMatchObject([{ kind: 'removed' }]);
    expect(changes(null, null)).toBeUndefined();
    expect(changesIn(parseJsonTree('"text"', nothing))).toBeUndefined();
  });

  it('does not tell whether what is redacted has changed', () => {
    expect(changes({ password: 'a' }, { password: 'b' }, ['password'])).toEqual([
      { field: 'password', before: '[redacted]', after: '[redacted]', kind: 'same' },
    ]);
  });

  it('is noticed where the texts differ only beyond what is shown', () => {
    const [old, fresh] = ['a', 'b'].map((end) => ({ text: `${'x'.repeat(5_000)}${end}` }));
    expect(changes(old, fresh)).toMatchObject([{ kind: 'changed' }]);
  });
});

describe('a text of somebody else', () => {
  test.each([
    ['plain text, ünïcode, 日本語, 😀', 'plain text, ünïcode, 日本語, 😀'],
    ['a\u202eb', 'a\\u202eb'],
    ['\u0000\u0007\u001b[31m\u007f\u009b', '\\u0000\\u0007\\u001b[31m\\u007f\\u009b'],
    ['\ufeff\u200b\u2028\u{e0001}', '\\ufeff\\u200b\\u2028\\udb40\\udc01'],
    ['two\nlines\tof text', 'two\nlines\tof text'],
  ])('%j is shown as %j', (text, expected) => {
    expect(visible(text)).toBe(expected);
  });

  it('is cut where it is long', () => {
    expect(visibleStart('x'.repeat(2_000), 3)).toBe('xxx… (2,000 characters)');
  });
});
