import { describe, expect, test } from 'vitest';
import { Redaction } from '../../src/admin/web/redaction.ts';

describe('what is not to be shown', () => {
  test('is masked by name wherever it is, and by path only there', () => {
    const redaction = new Redaction(['password', 'new_data.card.number', '*.items.price']);
    expect(
      redaction.value({
        password: 'a',
        number: 1,
        new_data: {
          password: { deep: true },
          card: { number: '4111', holder: 'Ada' },
          items: [{ price: 1, sku: 'x' }],
        },
        old_data: { card: { number: 'shown' } },
      }),
    ).toEqual({
      password: '[redacted]',
      number: 1,
      new_data: {
        password: '[redacted]',
        card: { number: '[redacted]', holder: 'Ada' },
        items: [{ price: '[redacted]', sku: 'x' }],
      },
      old_data: { card: { number: 'shown' } },
    });
  });

  test('leaves numbers as they are, and hides what it cannot read', () => {
    const redaction = new Redaction(['password']);
    expect(redaction.json('{"id":12345678901234567890,"password":1}')).toBe(
      '{"id":12345678901234567890,"password":"[redacted]"}',
    );
    expect(redaction.json('{"password":')).toBe('"[redacted]"');
    const deep = `${'['.repeat(100_000)}{"password":1}${']'.repeat(100_000)}`;
    expect(redaction.json(deep)).toBe('"[redacted]"');
  });

  test('without anything to hide, gives the text as it is', () => {
    expect(new Redaction([]).json('{ "a": 1.0 }')).toBe('{ "a": 1.0 }');
  });

  test.each([
    [['password'], '1', true],
    [['new_data', 'password'], '1', true],
    [['new_data', 'password', 'length'], '1', true],
    [['new_data', 'items', '0', 'price'], '1', true],
    [['new_data', 'status'], 'paid', false],
    [['new_data'], '{"password": 1}', true],
    [['new_data', 'list'], ' [1]', true],
  ])('a search for %j = %j would tell of it: %s', (path, value, reveals) => {
    const redaction = new Redaction(['password', 'new_data.items.price']);
    expect(redaction.wouldReveal(path, value)).toBe(reveals);
  });
});
