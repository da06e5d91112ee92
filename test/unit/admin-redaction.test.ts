import { describe, expect, test } from 'vitest';
import { Redaction } from '../../src/admin/web/redaction.ts';

describe('what is not to be shown', () => {
  test.each([
    [['password'], '1', true],
    [['new_data', 'password'], '1', true],
    [['new_data', 'password', 'length'], '1', true],
    [['new_data', 'items', '0', 'price'], '1', true],
    [['new_data', '2026', '0', 'price'], '1', true],
    [['new_data', 'items', '+0', 'price'], '1', true],
    [['new_data', 'items', ' 0', 'price'], '1', true],
    [['0', 'new_data', '1', '2026', '2', 'price'], '1', true],
    [['price'], '1', false],
    [['new_data', 'status'], 'paid', false],
    [['new_data'], '{"password": 1}', true],
    [['new_data', 'list'], ' [1]', true],
  ])('a search for %j = %j would tell of it: %s', (path, value, reveals) => {
    const redaction = new Redaction(['password', 'new_data.items.price', 'new_data.2026.price']);
    expect(redaction.wouldReveal(path, value)).toBe(reveals);
  });
});
