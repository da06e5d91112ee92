import fc from 'fast-check';
import { Kysely, PostgresDialect } from 'kysely';
import type pg from 'pg';
import { describe, expect, it } from 'vitest';
import type { Queryable } from '../../src/db/queryable.ts';
import { appendJson, sendCustomNotification, smartNotify } from '../../src/log/append.ts';
import { parseJson } from '../../src/parse-json.ts';
import { CaptureFixture } from '../support/capture-fixture.ts';

const fixture = new CaptureFixture();
const kyselyOf = (pool: pg.Pool) => new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });

/** What the log has on the test's channel. */
async function sent() {
  const { rows } = await fixture.database.query<{ id: string; key: string | null; json: string }>(
    'select id, key, payload::text as json from pgwatch.notification_log where channel = $1 order by id',
    [fixture.name],
  );
  return rows.map(({ id, key, json }) => ({ id: Number(id), key, data: parseJson(json) }));
}

/** Fails if anything is sent to it. */
const unused: Queryable = {
  query: () => Promise.reject(new Error('The database was asked.')),
};

describe('smartNotify', () => {
  it('answers the id of the notification it wrote', async () => {
    const id = await smartNotify(fixture.database.pool, fixture.name, { event: 'test' });
    expect(await sent()).toEqual([{ id, key: null, data: { event: 'test' } }]);
  });

  it('sends {} when there is no payload, and the key if there is one', async () => {
    const { pool } = fixture.database;
    await smartNotify(pool, fixture.name);
    await smartNotify(pool, fixture.name, undefined, { key: 'order-17' });
    await smartNotify(pool, fixture.name, null, { key: null });
    await smartNotify(pool, fixture.name, 'text', { key: '' });
    expect((await sent()).map(({ key, data }) => [key, data])).toEqual([
      [null, {}],
      ['order-17', {}],
      [null, null],
      ['', 'text'],
    ]);
  });

  it('calls the smart_notify() of another schema', async () => {
    await fixture.run(
      'create schema $name; create table $name.log (channel text); create function $name.smart_notify(text, jsonb, text) returns bigint language sql as $$ insert into $name.log values ($1) returning 42 $$',
    );
    const id = await smartNotify(
      fixture.database.pool,
      'elsewhere',
      {},
      { functionsSchema: fixture.name },
    );
    expect(id).toBe(42);
  });

  it.each([
    [
      'a client',
      async (work: (db: Queryable) => Promise<unknown>) => {
        await fixture.session(async (client) => {
          await client.query('begin');
          await work(client).then(
            () => client.query('commit'),
            () => client.query('rollback'),
          );
        });
      },
    ],
    [
      'a client of a pool',
      async (work: (db: Queryable) => Promise<unknown>) => {
        const client = await fixture.database.pool.connect();
        await client.query('begin');
        await work(client).then(
          () => client.query('commit'),
          () => client.query('rollback'),
        );
        client.release();
      },
    ],
    [
      'a Kysely transaction',
      async (work: (db: Queryable) => Promise<unknown>) => {
        await kyselyOf(fixture.database.pool)
          .transaction()
          .execute(work)
          .catch(() => undefined);
      },
    ],
  ])('commits and rolls back with the work of %s', async (_kind, inTransaction) => {
    await inTransaction(async (db) => {
      await smartNotify(db, fixture.name, 'kept');
      expect(await sent()).toEqual([]);
    });
    await inTransaction(async (db) => {
      await smartNotify(db, fixture.name, 'lost');
      throw new Error('no');
    });
    expect((await sent()).map(({ data }) => data)).toEqual(['kept']);
  });

  it('works with a Kysely instance', async () => {
    const id = await smartNotify(kyselyOf(fixture.database.pool), fixture.name, [1]);
    expect(await sent()).toEqual([{ id, key: null, data: [1] }]);
  });

  it.each([
    ['a bigint', { n: 9007199254740993n }, { n: 9007199254740993n }],
    ['a date', { at: new Date(0) }, { at: '1970-01-01T00:00:00.000Z' }],
    ['undefined fields', { a: undefined, b: [undefined] }, { b: [null] }],
    ['emoji and other alphabets', '👩‍👧 مرحبا 注文', '👩‍👧 مرحبا 注文'],
    ['control characters and backslashes', '\u0001\\u0000 \\ " \n', '\u0001\\u0000 \\ " \n'],
    ['__proto__', JSON.parse('{"__proto__": 1}'), JSON.parse('{"__proto__": 1}')],
  ])('sends %s', async (_case, payload, data) => {
    await smartNotify(fixture.database.pool, fixture.name, payload);
    expect((await sent())[0]?.data).toEqual(data);
  });

  it.each([
    ['a NUL in a text', ['a\0b'], /\\u0000 at character/],
    ['a NUL in a key', { 'a\0': 1 }, /\\u0000/],
    ['half a surrogate pair', { a: '\ud83d' }, /\\ud83d/],
    ['the halves the wrong way round', '\ude00\ud83d', /\\ude00/],
    ['a function', () => 1, /cannot be written as JSON: it is a function\.$/],
    ['a function in an object', { a: [{ f: () => 1 }] }, /JSON: at "f" it has a function\.$/],
    ['a function in an array', [1, () => 1], /JSON: at "1" it has a function\.$/],
    ['a symbol in an object', { s: Symbol('s') }, /JSON: at "s" it has a symbol\.$/],
    [
      'a circle',
      (() => {
        const a: unknown[] = [];
        a.push({ shared: [1], inner: { a } });
        return a;
      })(),
      /cannot be written as JSON: it contains itself \(a circle\)\.$/,
    ],
    [
      'an object nested too deeply for JavaScript',
      JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`),
      /cannot be written as JSON: it is nested too deeply for JavaScript's stack\.$/,
    ],
  ])('refuses %s before the database is asked', async (_case, payload, message) => {
    await expect(smartNotify(unused, fixture.name, payload)).rejects.toMatchObject({
      code: 'PAYLOAD_INVALID',
      message: expect.stringMatching(message),
      hint: expect.any(String),
    });
  });

  it.each(['', 'x'.repeat(64), '界'.repeat(22), 'a\0'])(
    'refuses the channel %j before the database is asked',
    async (channel) => {
      await expect(smartNotify(unused, channel)).rejects.toMatchObject({ code: 'CHANNEL_INVALID' });
    },
  );

  it.each(['a\0b', '\udc00'])('refuses the key %j before the database is asked', async (key) => {
    await expect(smartNotify(unused, 'c', {}, { key })).rejects.toMatchObject({
      code: 'PAYLOAD_INVALID',
      message: expect.stringContaining('key'),
    });
  });
});

describe('appendJson', () => {
  it('sends the JSON text with every digit', async () => {
    await appendJson(fixture.database.pool, fixture.name, ' {"n": 12345678901234567890.10} ');
    expect((await sent())[0]?.data).toEqual({ n: '12345678901234567890.10' });
  });

  it('takes 5,000 levels with escapes in them', async () => {
    const json = `${'["\\u00e9", '.repeat(5000)}1${']'.repeat(5000)}`;
    await appendJson(fixture.database.pool, fixture.name, json);
    expect(await sent()).toHaveLength(1);
  });

  it('refuses what PostgreSQL would refuse, and nothing else', async () => {
    const pieces = [
      '\\u0000',
      '\\ud83d',
      '\\ude00',
      '\\uD83D\\uDE00',
      '\\ud83d\\n',
      '\\\\',
      '\\u00e9',
      'u0000',
      '\\"',
      '\\/',
      'é',
      '😀',
      '\\\\u0000',
    ];
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...pieces), { maxLength: 6 }), async (parts) => {
        const json = `{"${parts.join('')}": "${parts.join('')}"}`;
        const taken = await fixture.value('select $1::jsonb is not null', [json]).then(
          () => true,
          () => false,
        );
        const sentIt = await appendJson(fixture.database.pool, fixture.name, json).then(
          () => true,
          (error: unknown) => {
            expect(error).toMatchObject({ code: 'PAYLOAD_INVALID' });
            return false;
          },
        );
        expect(sentIt, json).toBe(taken);
      }),
      { numRuns: 300 },
    );
  });
});

describe('sendCustomNotification', () => {
  it('sends the type of the event, its data and the time', async () => {
    const before = Date.now() / 1000;
    const id = await sendCustomNotification(
      fixture.database.pool,
      fixture.name,
      'password_reset',
      { user_id: 123 },
      { key: 'user-123' },
    );
    await sendCustomNotification(fixture.database.pool, fixture.name, 'tick');
    const [reset, tick] = await sent();
    expect(reset).toEqual({
      id,
      key: 'user-123',
      data: { event_type: 'password_reset', data: { user_id: 123 }, timestamp: expect.any(Number) },
    });
    const time = Number(Object(reset?.data)['timestamp']);
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(Date.now() / 1000);
    expect(tick?.data).toMatchObject({ event_type: 'tick', data: {} });
  });
});
