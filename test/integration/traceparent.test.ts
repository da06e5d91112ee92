import { describe, expect, it } from 'vitest';
import { createTriggerForTable } from '../../src/capture/triggers.ts';
import { smartNotify } from '../../src/log/append.ts';
import { CaptureFixture } from '../support/capture-fixture.ts';

const fixture = new CaptureFixture();

const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const ANOTHER = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00';

/** Of the notifications of this test, in their order. */
async function traceparents(): Promise<unknown[]> {
  const { rows } = await fixture.database.query<{ traceparent: string | null }>(
    'select traceparent from pgwatch.notification_log where channel = $1 order by id',
    [fixture.name],
  );
  return rows.map(({ traceparent }) => traceparent);
}

describe('the setting pgwatch.traceparent', () => {
  it('is stored with what is sent, and with changes that are captured', async () => {
    const table = fixture.name;
    await fixture.database.query(`create table ${table} (id int primary key)`);
    await createTriggerForTable(fixture.database.pool, table, { channel: fixture.name });
    await fixture.session(async (client) => {
      await client.query(`begin; set local pgwatch.traceparent = '${TRACEPARENT}'`);
      await client.query('select smart_notify($1)', [fixture.name]);
      await client.query(`insert into ${table} values (1), (2)`);
      await client.query(`update ${table} set id = 3 where id = 1`);
      await client.query('commit');
      // In this session the setting is there now, and empty.
      await client.query(`delete from ${table}`);
    });
    expect(await traceparents()).toEqual([
      ...new Array(4).fill(TRACEPARENT),
      ...new Array(2).fill(null),
    ]);
  });

  it.each(['', 'nonsense', `${TRACEPARENT}0`, TRACEPARENT.replaceAll(/[1-9a-f]/g, '0'), 'é\n\\'])(
    'fails nobody when it is no traceparent: %j',
    async (text) => {
      await fixture.session(async (client) => {
        await client.query(`select set_config('pgwatch.traceparent', $1, false)`, [text]);
        await client.query('select smart_notify($1)', [fixture.name]);
      });
      expect(await traceparents()).toEqual([null]);
    },
  );
});

describe('smartNotify()', () => {
  it('sends a traceparent for this notification alone', async () => {
    await fixture.session(async (client) => {
      await client.query(`begin; set local pgwatch.traceparent = '${ANOTHER}'`);
      await smartNotify(client, fixture.name, {}, { traceparent: TRACEPARENT });
      await smartNotify(client, fixture.name, {}, { key: 'k' });
      await client.query('commit');
    });
    expect(await traceparents()).toEqual([TRACEPARENT, ANOTHER]);
  });

  it('sends without one that is none', async () => {
    for (const traceparent of ['nonsense', '', null, undefined]) {
      await smartNotify(fixture.database.pool, fixture.name, {}, { traceparent });
    }
    expect(await traceparents()).toEqual([null, null, null, null]);
  });

  it('gives back what was set, also when it fails', async () => {
    await fixture.session(async (client) => {
      await client.query(`set pgwatch.traceparent = '${ANOTHER}'`);
      const failing = client.query(`select smart_notify('', '{}', null, '${TRACEPARENT}')`);
      await expect(failing).rejects.toMatchObject({ code: '22023' });
      await client.query('select smart_notify($1)', [fixture.name]);
    });
    expect(await traceparents()).toEqual([ANOTHER]);
  });
});
