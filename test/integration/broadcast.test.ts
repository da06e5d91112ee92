import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { CAPTURES, CaptureFixture } from '../support/capture-fixture.ts';
import { EventLog } from '../support/event-log.ts';

const fixture = new CaptureFixture();

/** Hears the test's channel while it works; the last notification is a sign-off, not returned. */
async function heardWhile(work: (client: pg.Client) => Promise<unknown>): Promise<string[]> {
  return fixture.session(async (client) => {
    const heard = new EventLog<string>();
    client.on('notification', ({ payload }) => heard.add(payload ?? ''));
    await client.query(`listen ${fixture.name}`);
    await fixture.session(work);
    const signOff = `end ${randomBytes(8).toString('hex')}`;
    await client.query('select pg_notify($1, $2)', [fixture.name, signOff]);
    await heard.first((payload) => payload === signOff);
    return heard.all.slice(0, -1);
  });
}

async function send(client: pg.Client, payload = '{"n": 1}'): Promise<number> {
  const { rows } = await client.query('select smart_notify($1, $2) as id', [fixture.name, payload]);
  return Number(rows[0].id);
}

describe('who LISTENs on a channel', () => {
  it('hears the id, the time and the payload of what smart_notify() sends, after the commit', async () => {
    let id = 0;
    const heard = await heardWhile(async (client) => {
      await client.query('begin');
      id = await send(client, '{"n": 9007199254740993, "ü": [null]}');
      await client.query('commit');
      await client.query('begin');
      await send(client);
      await client.query('rollback');
    });
    const time = await fixture.value(
      'select extract(epoch from created_at)::text from pgwatch.notification_log where id = $1',
      [id],
    );
    expect(heard).toHaveLength(1);
    const same = await fixture.value('select $1::jsonb = $2::jsonb', [
      heard[0],
      `{"notification_log_id": ${id}, "timestamp": ${time}, "data": {"n": 9007199254740993, "ü": [null]}}`,
    ]);
    expect(same).toBe(true);
  });

  it('hears each one, also when they are the same', async () => {
    const heard = await heardWhile(async (client) => {
      await client.query('begin');
      for (let n = 0; n < 3; n += 1) await send(client);
      await client.query('commit');
    });
    expect(new Set(heard).size).toBe(3);
  });

  it.each([
    ['letters', 'x', 1],
    ['characters of three bytes', '注', 3],
    ['characters of four bytes', '😀', 4],
  ])(
    'hears an envelope of 7,500 bytes whole, and one byte more without the data: %s',
    async (_case, character, width) => {
      const sizeOf = (payload: string) => Buffer.byteLength(payload);
      // The id and the time have as many digits as those of the notification before, or nearly
      // always: an id may pass a power of ten. Then the next attempt does.
      for (let attempt = 1; ; attempt += 1) {
        const [probe = ''] = await heardWhile((client) => send(client, '""'));
        const room = 7500 - sizeOf(probe);
        const fill = (bytes: number) =>
          JSON.stringify(character.repeat(Math.floor(bytes / width)) + 'x'.repeat(bytes % width));
        const heard = await heardWhile(async (client) => {
          await send(client, fill(room));
          await send(client, fill(room + 1));
        });
        const [whole, large] = heard.map((payload): Record<string, unknown> => JSON.parse(payload));
        const exact = sizeOf(heard[0] ?? '') === 7500;
        if (!exact && attempt < 20) continue;
        expect(sizeOf(heard[0] ?? '')).toBe(7500);
        expect(whole).toEqual({
          notification_log_id: expect.any(Number),
          timestamp: expect.any(Number),
          data: expect.any(String),
        });
        expect(large).toEqual({
          notification_log_id: expect.any(Number),
          timestamp: expect.any(Number),
          large_payload: true,
        });
        break;
      }
    },
  );

  it('hears of payloads of any size, and they are stored', async () => {
    const sizes = [7_000, 7_999, 8_000, 8_001, 70_000, 5_000_000];
    const heard = await heardWhile(async (client) => {
      for (const size of sizes)
        await send(client, JSON.stringify('注'.repeat(Math.floor(size / 3))));
      await send(client, `[${'0,'.repeat(3_000)}0]`);
      await send(client, `[${'0,'.repeat(2_000)}0]`);
    });
    expect(heard.map((payload) => 'data' in JSON.parse(payload))).toEqual([
      true,
      ...Array(6).fill(false),
      true,
    ]);
  });
});

describe('the setting pgwatch.broadcast', () => {
  const off = ['off', 'false', 'no', '0', 'OFF'];
  const on = ['on', 'true', 'yes', '1', 'On', '', 'garbage', 'default'];

  it('keeps smart_notify() from broadcasting when it is off, and nothing else does', async () => {
    for (const value of [...off, ...on]) {
      const heard = await heardWhile(async (client) => {
        await client.query(`select set_config('pgwatch.broadcast', $1, false)`, [value]);
        await send(client);
      });
      expect(heard, value).toHaveLength(off.includes(value) ? 0 : 1);
    }
  });

  it('holds for a transaction, and then as before', async () => {
    const heard = await heardWhile(async (client) => {
      await client.query('begin');
      await client.query('set local pgwatch.broadcast = off');
      await send(client, '"silent"');
      await client.query('commit');
      await send(client, '"loud"');
    });
    expect(heard.map((payload) => JSON.parse(payload).data)).toEqual(['loud']);
  });

  it('holds for a role and for a database', async (test) => {
    await fixture.skipUnlessSuperuser(test);
    const role = `pgwatch_test_${randomBytes(8).toString('hex')}`;
    const database = new URL(fixture.database.url).pathname.slice(1);
    await fixture.run(
      `create role ${role} login password 'x'; alter role ${role} set pgwatch.broadcast = off`,
    );
    try {
      const asRole = async () => {
        const url = new URL(fixture.database.url);
        url.username = role;
        url.password = 'x';
        const client = new pg.Client(url.href);
        await client.connect();
        await send(client).finally(() => client.end());
      };
      expect(await heardWhile(asRole)).toHaveLength(0);
      expect(await heardWhile(send)).toHaveLength(1);
      await fixture.run(
        `alter role ${role} reset pgwatch.broadcast; alter database ${database} set pgwatch.broadcast = off`,
      );
      expect(await heardWhile(asRole)).toHaveLength(0);
      await fixture.run(`alter database ${database} reset pgwatch.broadcast`);
      expect(await heardWhile(asRole)).toHaveLength(1);
    } finally {
      await fixture.run(`drop owned by ${role}; drop role ${role}`);
    }
  });
});

describe.each(CAPTURES)('changes captured by $by', ({ capture }) => {
  it('are broadcast only when pgwatch.broadcast is on', async () => {
    await fixture.run('create table $name (id int primary key, v text)');
    await capture(fixture, fixture.name);
    const { name } = fixture;
    const heard = await heardWhile(async (client) => {
      for (const value of ['off', 'garbage', 'on']) {
        await client.query(`delete from ${name}`);
        await client.query(`set pgwatch.broadcast = ${value}`);
        await client.query(`insert into ${name} values (1, '${value}'), (2, repeat('注', 5000))`);
        await client.query(`update ${name} set v = '' where id = 1`);
      }
      await client.query('reset pgwatch.broadcast');
      await client.query(`delete from ${name}`);
    });
    const envelopes = heard.map((payload) => JSON.parse(payload));
    const inserted = (await fixture.log())
      .filter(({ payload }) => payload['action'] !== 'DELETE')
      .slice(-3);
    expect(envelopes).toEqual([
      {
        notification_log_id: inserted[0]?.id,
        timestamp: expect.any(Number),
        data: inserted[0]?.payload,
      },
      { notification_log_id: inserted[1]?.id, timestamp: expect.any(Number), large_payload: true },
      {
        notification_log_id: inserted[2]?.id,
        timestamp: expect.any(Number),
        data: inserted[2]?.payload,
      },
    ]);
  });
});
