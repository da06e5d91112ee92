import fc from 'fast-check';
import { compareNumber } from 'lossless-json';
import { describe, expect, test } from 'vitest';
import { parseJson } from '../../src/parse-json.ts';
import { stringifyJson } from '../../src/stringify-json.ts';

describe('a number', () => {
  test.each<[string, unknown]>([
    ['0', 0],
    ['-0', -0],
    ['9007199254740991', 9007199254740991],
    ['-9007199254740991', -9007199254740991],
    ['9007199254740992', 9007199254740992n],
    ['9007199254740993', 9007199254740993n],
    ['-9223372036854775808', -9223372036854775808n],
    ['1.5', 1.5],
    ['2.50', 2.5],
    ['0.1', 0.1],
    ['0.12345678901234567', '0.12345678901234567'],
    ['12345678.123456789012', '12345678.123456789012'],
    ['1234567890123456.75', '1234567890123456.75'],
    ['9007199254740992.0', 9007199254740992],
    ['9007199254740993.0', '9007199254740993.0'],
    ['1.10000000000000000000', 1.1],
    ['1e2', 100],
    ['1E-7', 1e-7],
    ['1e400', '1e400'],
    ['-1e400', '-1e400'],
    ['1e-400', '1e-400'],
    ['0e999', 0],
  ])('as %s is read exactly', (text, value) => {
    expect(parseJson(text)).toStrictEqual(value);
    expect(parseJson(` {"a":[${text} ,${text}]}\n`)).toStrictEqual({ a: [value, value] });
  });

  test('of 100,000 digits keeps them all', () => {
    const digits = '7'.repeat(100_000);
    expect(parseJson(digits)).toBe(BigInt(digits));
  });

  test('is exactly what the text says, whatever it says', () => {
    const digits = fc.stringMatching(
      /^-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,3})?$/,
    );
    fc.assert(
      fc.property(digits, (text) => {
        const value = parseJson(text);
        expect(['number', 'bigint', 'string']).toContain(typeof value);
        expect(compareNumber(String(value), text)).toBe(0);
        if (/^-?\d+$/.test(text)) expect(value).not.toBeTypeOf('string');
      }),
      { numRuns: 2000 },
    );
  });
});

test('what a double holds is parsed as JSON.parse does', () => {
  fc.assert(
    fc.property(fc.json({ stringUnit: 'binary', maxDepth: 4 }), (text) => {
      expect(withoutExactness(parseJson(text))).toStrictEqual(JSON.parse(text));
    }),
    { numRuns: 500 },
  );
});

/** Doubles that are written with more digits than they need come back as JSON.parse has them. */
function withoutExactness(value: unknown): unknown {
  return JSON.parse(stringifyJson(value));
}

test('large integers survive a round trip anywhere in a value', () => {
  const { value: anything } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.bigInt({ min: 2n ** 53n, max: 2n ** 80n }),
      fc.bigInt({ min: -(2n ** 80n), max: -(2n ** 53n) }),
      fc.maxSafeInteger(),
      fc.string({ unit: 'binary' }),
      fc.stringMatching(/^[0-9.eE,: "\\-]{0,30}$/),
      fc.constantFrom(null, true, false),
      fc.array(tie('value')),
      fc.dictionary(fc.string(), tie('value'), { noNullPrototype: true }),
    ),
  }));
  fc.assert(
    fc.property(anything, (value) => {
      expect(parseJson(stringifyJson(value))).toStrictEqual(value);
      expect(parseJson(stringifyJson(value, 2))).toStrictEqual(value);
    }),
    { numRuns: 1000 },
  );
});

const LARGE = '12345678901234567890';

describe('beside a large integer', () => {
  test.each([
    '"9007199254740993"',
    '"a, 9007199254740993"',
    '"\\"9007199254740993\\""',
    '"\\\\"',
    '"\\\\\\", 9007199254740993"',
    '"\\u0022, 1e5"',
    '"3e5f0000-1e50-4a00-8e55-000000000000"',
    '"2024-01-01T10:00:00.123456+00:00"',
    '"\\ud800"',
    '""',
  ])('the string %s stays as it is', (string) => {
    const text = `{"large":${LARGE},${string}:${string},"list":[${string}, ${LARGE}]}`;
    const expected: unknown = JSON.parse(text);
    expect(parseJson(text)).toStrictEqual(
      Object.assign(Object(expected), {
        large: BigInt(LARGE),
        list: [JSON.parse(string), BigInt(LARGE)],
      }),
    );
  });

  test.each(['1', LARGE])('__proto__ with %s is an ordinary key', (number) => {
    const parsed = parseJson(`{"a":${LARGE},"__proto__":{"polluted":${number}}}`);
    expect(Object.keys(Object(parsed))).toStrictEqual(['a', '__proto__']);
    expect(Object.getPrototypeOf(parsed)).toBe(Object.prototype);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });

  test('__proto__ can itself be the large integer', () => {
    const parsed = parseJson(`{"__proto__":${LARGE}}`);
    expect(Object.entries(Object(parsed))).toStrictEqual([['__proto__', BigInt(LARGE)]]);
    expect(Object.getPrototypeOf(parsed)).toBe(Object.prototype);
  });

  test('of a key that comes twice, the last value counts', () => {
    expect(parseJson(`{"a":${LARGE},"a":1}`)).toStrictEqual({ a: 1 });
    expect(parseJson(`{"a":1,"a":${LARGE}}`)).toStrictEqual({ a: BigInt(LARGE) });
  });

  test('an empty key and constructor are ordinary keys', () => {
    expect(parseJson(`{"":${LARGE},"constructor":${LARGE}}`)).toStrictEqual(
      Object.fromEntries([
        ['', BigInt(LARGE)],
        ['constructor', BigInt(LARGE)],
      ]),
    );
  });

  test('100,000 levels are not too deep', () => {
    const depth = 100_000;
    let value: unknown = parseJson('['.repeat(depth) + LARGE + ']'.repeat(depth));
    let levels = 0;
    for (; Array.isArray(value); value = value[0]) levels += 1;
    expect([levels, value]).toStrictEqual([depth, BigInt(LARGE)]);
  });

  test('a string of a million escapes is not too long', () => {
    const string = '\\n\\"'.repeat(1_000_000);
    expect(parseJson(`["${string}",${LARGE}]`)).toStrictEqual([
      '\n"'.repeat(1_000_000),
      BigInt(LARGE),
    ]);
  });

  test('an array of values stays in its order, with its length', () => {
    expect(parseJson(`[${LARGE},null,${LARGE},1]`)).toStrictEqual([
      BigInt(LARGE),
      null,
      BigInt(LARGE),
      1,
    ]);
  });
});

test('what is replaced can be changed, like everything else', () => {
  const parsed = parseJson(`{"id":${LARGE}}`);
  expect(Object.getOwnPropertyDescriptor(parsed, 'id')).toStrictEqual({
    value: BigInt(LARGE),
    writable: true,
    enumerable: true,
    configurable: true,
  });
});

test.each([
  '',
  '{',
  `[${LARGE}`,
  `0${LARGE}`,
  '1.2.3.4.5.6.7.8.9.10',
  `"${LARGE}`,
  'undefined',
  '1e',
])('%j is no JSON', (text) => {
  expect(() => parseJson(text)).toThrow(SyntaxError);
});

describe('stringifyJson', () => {
  test('writes bigints as digits', () => {
    expect(stringifyJson({ id: 12345678901234567890n, list: [1n] })).toBe(
      '{"id":12345678901234567890,"list":[1]}',
    );
  });

  test('writes everything else as JSON.stringify does', () => {
    const value = {
      a: undefined,
      b: new Date(0),
      c: ['\ud800', null, Number.NaN],
      d: { toJSON: () => 5 },
    };
    expect(stringifyJson(value)).toBe(JSON.stringify(value));
    expect(stringifyJson(value, 2)).toBe(JSON.stringify(value, undefined, 2));
  });

  test('refuses what JSON cannot write', () => {
    expect(() => stringifyJson(undefined)).toThrow(TypeError);
    expect(() => stringifyJson(() => {})).toThrow(TypeError);
  });
});
