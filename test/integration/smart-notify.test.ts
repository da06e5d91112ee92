import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { describe, expect, it } from 'vitest';
import { CaptureFixture } from '../support/capture-fixture.ts';
import { EventLog } from '../support/event-log.ts';

const fixture = new CaptureFixture();

async function notify(payload: string | null, key: string | null = null): Promise<number> {
  return Number(
    await fixture.value('select smart_notify($1, $2::jsonb, $3)', [fixture.name, payload, key]),
  );
}

/** The payload as the log has it, as text. */
function stored(id: number): Promise<unknown> {
  return fixture.value('select payload::text from pgwatch.notification_log where id = $1', [id]);
}

describe('smart_notify', () => {
  it('writes a row with the channel, the key, the payload, the transaction and the time', async () => {
    await fixture.session(async (client) => {
      await client.query('begin');
      const { rows } = await client.query(
        `select smart_notify('${fixture.name}', '{"event":"test"}', 'k') as id, pg_current_xact_id()::text as xid, clock_timestamp() as before`,
      );
      await client.query('commit');
      const log = await client.query(
        `select id, channel, key, payload, xid::text, created_at between $2 and clock_timestamp() + interval '1 second' as timely
         from pgwatch.notification_log where id = $1`,
        [rows[0].id, new Date(rows[0].before.getTime() - 1000)],
      );
      expect(log.rows).toEqual([
        {
          id: rows[0].id,
          channel: fixture.name,
          key: 'k',
          payload: { event: 'test' },
          xid: rows[0].xid,
          timely: true,
        },
      ]);
    });
  });

  it('is called as the original is, with one, two or three arguments, by position or name', async () => {
    const ids: number[] = [];
    for (const call of [
      `smart_notify('$name')`,
      `smart_notify('$name', '{"event":"test"}'::jsonb)`,
      `smart_notify('$name', '{"event":"test"}', 'k')`,
      `smart_notify('$name', key => 'k')`,
      `smart_notify(payload_data => '[]', channel_name => '$name')`,
    ]) {
      ids.push(Number(await fixture.value(`select ${call}`)));
    }
    const { rows } = await fixture.database.query(
      'select id, payload::text, key from pgwatch.notification_log where channel = $1 order by id',
      [fixture.name],
    );
    expect(rows.map(({ payload, key }) => [payload, key])).toEqual([
      ['{}', null],
      ['{"event": "test"}', null],
      ['{"event": "test"}', 'k'],
      ['{}', 'k'],
      ['[]', null],
    ]);
    expect(rows.map(({ id }) => Number(id))).toEqual(ids);
    expect(await fixture.value('select pg_typeof(smart_notify($1))::text', [fixture.name])).toBe(
      'bigint',
    );
  });

  it('writes nothing when its transaction or savepoint rolls back', async () => {
    const ids = await fixture.session(async (client) => {
      const send = async () => {
        const { rows } = await client.query('select smart_notify($1) as id', [fixture.name]);
        return Number(rows[0].id);
      };
      await client.query('begin');
      await send();
      await client.query('rollback');
      await client.query('begin');
      const kept = await send();
      await client.query('savepoint s');
      await send();
      await client.query('rollback to s');
      const also = await send();
      await client.query('commit');
      return [kept, also];
    });
    const { rows } = await fixture.database.query(
      'select id from pgwatch.notification_log where channel = $1 order by id',
      [fixture.name],
    );
    expect(rows.map(({ id }) => Number(id))).toEqual(ids);
  });

  it('sends as many as a query calls it for, in the order of the calls', async () => {
    await fixture.value(
      'select count(smart_notify($1, to_jsonb(n))) from generate_series(1, 500) as n',
      [fixture.name],
    );
    const numbers = await fixture.value(
      'select array_agg(payload::int order by id) from pgwatch.notification_log where channel = $1',
      [fixture.name],
    );
    expect(numbers).toEqual(Array.from({ length: 500 }, (_, n) => n + 1));
  });
});

/** As JSON.stringify, with the spaces and the order of keys that jsonb has. */
function jsonbText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(jsonbText).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const length = (key: string) => Buffer.byteLength(key);
  const keys = Object.keys(value).sort((a, b) => length(a) - length(b) || (a < b ? -1 : 1));
  return `{${keys.map((key) => `${JSON.stringify(key)}: ${jsonbText(Reflect.get(value, key))}`).join(', ')}}`;
}

describe('a payload comes back as it was sent', () => {
  it.each([
    ['an empty object', '{}'],
    ['an empty array', '[]'],
    ['an empty text', '""'],
    ['JSON null', 'null'],
    ['true', 'true'],
    ['a number beyond 2^53', '9007199254740993'],
    ['an integer of 40 digits', '-1234567890123456789012345678901234567890'],
    [
      'an exact decimal with its zeros',
      '{"tiny": 0.1000000000000000055511151231257827, "price": 10.10}',
    ],
    ['1e400', `1${'0'.repeat(400)}`],
    ['emoji, Arabic, Hebrew, CJK', JSON.stringify('👩‍👩‍👧 مرحبا שלום 注文 ẞ')],
    [
      'combining characters, not normalised',
      jsonbText(['e\u0301', '\u00e9', '\u1e69', 's\u0323\u0307']),
    ],
    ['control characters', JSON.stringify('\u0001\b\t\n\f\r\u001f\u007f\u2028\ufeff')],
    ['quotes and backslashes', JSON.stringify('"\\\'/%I $1 \\u0041')],
    ['keys of all kinds', jsonbText({ '': 1, ' ': 2, '"': 3, é: 4, __proto__x: 5 })],
    ['5,000 arrays in each other', `${'['.repeat(5000)}1${']'.repeat(5000)}`],
    ['5,000 objects in each other', `${'{"a": '.repeat(5000)}null${'}'.repeat(5000)}`],
  ])('%s', async (_case, json) => {
    expect(await stored(await notify(json))).toBe(json);
  });

  it('SQL NULL, as JSON null', async () => {
    expect(await stored(await notify(null))).toBe('null');
  });

  it.each([
    ['4 MB of text that does not compress', 4, () => randomBytes(2 * 1024 * 1024).toString('hex')],
    ['60 MB of text', 60, () => '0123456789 äöü'.repeat(4_000_000)],
  ])('%s', { timeout: 120_000 }, async (_case, megabytes, text) => {
    const value = text();
    const id = await notify(JSON.stringify({ value }));
    const same = await fixture.value(
      `select payload ->> 'value' = $2 and octet_length(payload ->> 'value') >= $3 from pgwatch.notification_log where id = $1`,
      [id, value, megabytes * 1_000_000],
    );
    expect(same).toBe(true);
  });

  it('200,000 elements', async () => {
    const json = jsonbText(Array.from({ length: 200_000 }, (_, n) => ({ n })));
    expect(await stored(await notify(json))).toBe(json);
  });

  it('a key of 100,000 characters', async () => {
    const key = '鍵'.repeat(100_000);
    const id = await notify('{}', key);
    expect(
      await fixture.value('select key from pgwatch.notification_log where id = $1', [id]),
    ).toBe(key);
  });
});

describe('a channel', () => {
  it.each([
    ['of one byte', 'c'],
    ['of 63 bytes', 'x'.repeat(63)],
    ['of 63 bytes of several each', '界'.repeat(21)],
    ['in upper case', 'My_Channel'],
    ['with quotes, backslashes and spaces', ` "it's" \\ ; drop -- `],
    ['like a keyword', 'select'],
  ])('%s is taken, exactly', async (_case, channel) => {
    await fixture.session(async (client) => {
      const heard = listenTo(client);
      await client.query(`listen ${client.escapeIdentifier(channel)}`);
      const id = Number(
        (await client.query('select smart_notify($1) as id', [channel])).rows[0].id,
      );
      const { channel: heardOn } = await heard.first(() => true);
      expect(heardOn).toBe(channel);
      expect(
        await fixture.value('select channel from pgwatch.notification_log where id = $1', [id]),
      ).toBe(channel);
    });
  });

  it.each([
    ['null', null, 'null'],
    ['an empty text', '', "''"],
    ['64 bytes', 'x'.repeat(64), '64 bytes'],
    ['22 characters of 66 bytes', '界'.repeat(22), '66 bytes'],
    ['a megabyte', 'x'.repeat(1_000_000), '1000000 bytes'],
  ])('%s is refused, with what is wrong and what to do', async (_case, channel, said) => {
    await fixture.session(async (client) => {
      await client.query('begin');
      await client.query('savepoint s');
      await expect(client.query('select smart_notify($1)', [channel])).rejects.toMatchObject({
        code: '22023',
        message: expect.stringMatching(
          new RegExp(`^pgwatch: invalid channel name .*${said}.*1 to 63`),
        ),
        hint: expect.any(String),
      });
      await client.query('rollback to s');
      await client.query('select smart_notify($1)', [fixture.name]);
      await client.query('commit');
    });
    expect(
      await fixture.value('select count(*)::int from pgwatch.notification_log where channel = $1', [
        fixture.name,
      ]),
    ).toBe(1);
  });
});

/** What the client hears from now on. */
function listenTo(client: pg.Client): EventLog<pg.Notification> {
  const heard = new EventLog<pg.Notification>();
  client.on('notification', heard.add);
  return heard;
}
