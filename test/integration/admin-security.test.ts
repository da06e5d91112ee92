import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { startAdminServer } from '../../src/admin/web/server.ts';
import { type AdminClientOptions, startAdmin } from '../support/admin-client.ts';
import { DeliveryFixture } from '../support/delivery-fixture.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';
import { resolveForTest } from '../support/resolved-config.ts';

const fixture = new DeliveryFixture();

const TOKEN = 'operator-token-0123456789';
const READ_ONLY_TOKEN = 'readonly-token-0123456789';
const CREDENTIALS = {
  PGWATCH_ADMIN_TOKEN: TOKEN,
  PGWATCH_ADMIN_USER: 'ada',
  PGWATCH_ADMIN_PASSWORD: 'correct horse',
  PGWATCH_ADMIN_READONLY_TOKEN: READ_ONLY_TOKEN,
};

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

function start(options: Omit<AdminClientOptions, 'db'> = {}) {
  return startAdmin({ db: fixture.database.db, ...options });
}

/** A consumer to try to pause. */
async function consumer(): Promise<string> {
  const { consumer } = recordingConsumer(fixture.name(), [fixture.name()]);
  await fixture.start([consumer], { once: true }).ended;
  return consumer.id;
}

async function isPaused(id: string): Promise<boolean> {
  const { rows } = await fixture.database.query<{ paused: boolean }>(
    'select paused_at is not null as paused from pgwatch.consumer where name = $1',
    [id],
  );
  return rows[0]?.paused === true;
}

describe('where it listens', () => {
  it.each(['0.0.0.0', '::', '192.0.2.1', 'db.example.com'])(
    'an address that others can reach (%s) needs credentials',
    async (host) => {
      const started = startAdminServer({
        db: fixture.database.db,
        config: resolveForTest(),
        logger: pino({ level: 'silent' }),
        bind: { host, port: 0 },
        env: {},
      });
      await expect(started).rejects.toMatchObject({ code: 'ADMIN_CREDENTIALS' });
    },
  );

  it('says so when the address is taken', async () => {
    const admin = await start();
    const started = startAdminServer({
      db: fixture.database.db,
      config: resolveForTest(),
      logger: pino({ level: 'silent' }),
      bind: { host: '127.0.0.1', port: Number(new URL(admin.origin).port) },
      env: {},
    });
    await expect(started).rejects.toMatchObject({ code: 'ADDRESS_UNAVAILABLE' });
  });
});

describe('who comes in', () => {
  it('without credentials being configured, everybody on this machine', async () => {
    const admin = await start();
    expect((await admin.get('/')).status).toBe(200);
  });

  it('is sent to sign in when a browser shows nothing, and refused otherwise', async () => {
    const admin = await start({ env: CREDENTIALS });
    const page = await admin.get('/consumers?a=1');
    expect(page.status).toBe(303);
    expect(page.headers.location).toBe('/sign-in?next=%2Fconsumers%3Fa%3D1');
    expect((await admin.get('/', { accept: '*/*' })).status).toBe(401);
    expect((await admin.get('/events')).status).not.toBe(200);
    expect((await admin.get('/nowhere', { accept: '*/*' })).status).toBe(401);
  });

  it.each([
    ['a token', bearer(TOKEN), 200],
    ['a token of another role', bearer(READ_ONLY_TOKEN), 200],
    ['a name and a password', basic('ada', 'correct horse'), 200],
    ['a wrong token', bearer('nothing-that-is-known'), 401],
    ['a wrong password', basic('ada', 'wrong'), 401],
    ['a token as a password', basic('', TOKEN), 401],
    ['a password as a token', bearer('correct horse'), 401],
    ['another scheme', { authorization: 'Digest x' }, 401],
  ])('with %s', async (_, headers, status) => {
    const admin = await start({ env: CREDENTIALS });
    expect((await admin.get('/', headers)).status).toBe(status);
  });

  it('has to wait after ten wrong tries', async () => {
    const admin = await start({ env: CREDENTIALS });
    for (let tries = 0; tries < 10; tries += 1) await admin.get('/', bearer('wrong'));
    expect((await admin.get('/', bearer('wrong'))).status).toBe(429);
    expect((await admin.get('/', bearer(TOKEN))).status).toBe(429);
  });

  it('is told apart by what a trusted proxy says, and by nothing that a visitor says', async () => {
    const admin = { ...resolveForTest().admin, trustForwardedFor: true };
    const client = await start({ env: CREDENTIALS, config: { admin } });
    const from = (address: string, token: string) =>
      client.get('/', { ...bearer(token), 'x-forwarded-for': `198.51.100.7, ${address}` });
    for (let tries = 0; tries < 10; tries += 1) await from('203.0.113.1', 'wrong');
    expect((await from('203.0.113.1', TOKEN)).status).toBe(429);
    expect((await from('203.0.113.2', TOKEN)).status).toBe(200);
    expect(client.lines).toContainEqual(
      expect.objectContaining({
        msg: 'wrong credentials at the admin page',
        address: '203.0.113.1',
      }),
    );

    const wary = await start({ env: CREDENTIALS });
    for (let tries = 0; tries < 10; tries += 1) {
      await wary.get('/', { ...bearer('wrong'), 'x-forwarded-for': `203.0.113.${tries}` });
    }
    expect((await wary.get('/', bearer(TOKEN))).status).toBe(429);
  });

  it('ends the session before when it signs in again, and is found among other cookies', async () => {
    const admin = await start({ env: CREDENTIALS });
    const token = await admin.formToken('/sign-in');
    const signIn = async (cookie = '') => {
      const { headers } = await admin.post('/sign-in', { token, secret: TOKEN }, { cookie });
      return headers['set-cookie']?.[0]?.split(';')[0] ?? '';
    };
    const first = await signIn();
    const [name = ''] = first.split('=');
    const several = { cookie: `other=1; ${name}=of-another-path; ${first}` };
    expect((await admin.get('/', several)).status).toBe(200);
    const second = await signIn(first);
    expect((await admin.get('/', { cookie: first })).status).toBe(303);
    expect((await admin.get('/', { cookie: second })).status).toBe(200);
  });

  it('signs in with a form, gets a cookie that no script can read, and signs out', async () => {
    const admin = await start({ env: CREDENTIALS });
    const token = await admin.formToken('/sign-in');
    const wrong = await admin.post('/sign-in', { token, user: 'ada', secret: 'wrong' });
    expect(wrong.status).toBe(403);
    expect(wrong.headers['set-cookie']).toBeUndefined();
    const signedIn = await admin.post('/sign-in', {
      token,
      user: 'ada',
      secret: 'correct horse',
      next: '/consumers',
    });
    expect(signedIn.status).toBe(303);
    expect(signedIn.headers.location).toBe('/consumers');
    const [set = ''] = signedIn.headers['set-cookie'] ?? [];
    expect(set).toMatch(/; HttpOnly/);
    expect(set).toMatch(/; SameSite=Strict/);
    expect(set).not.toMatch(/; Secure/);
    const cookie = { cookie: set.split(';')[0] ?? '' };
    expect((await admin.get('/', cookie)).body).toContain('ada, operator');
    const out = await admin.post(
      '/sign-out',
      { token: await admin.formToken('/', cookie) },
      cookie,
    );
    expect(out.status).toBe(303);
    expect((await admin.get('/', cookie)).status).toBe(303);
    expect(admin.lines).toContainEqual(
      expect.objectContaining({ action: 'sign-in', who: 'ada', role: 'operator' }),
    );
    expect(admin.lines).toContainEqual(
      expect.objectContaining({ action: 'sign-out', who: 'ada', role: 'operator' }),
    );
    expect(JSON.stringify(admin.lines)).not.toContain('correct horse');
  });

  it('gets a cookie for TLS only where the browser came by TLS', async () => {
    const config = resolveForTest();
    const admin = await start({
      env: CREDENTIALS,
      config: { admin: { ...config.admin, allowedHosts: ['tools.example.com'] } },
    });
    const token = await admin.formToken('/sign-in');
    const { headers } = await admin.post(
      '/sign-in',
      { token, secret: TOKEN },
      { origin: 'https://tools.example.com', host: 'tools.example.com' },
    );
    expect(headers['set-cookie']?.[0]).toMatch(/; Secure/);
  });

  it.each(['//evil.example', '/\\evil.example', 'https://evil.example', 'javascript:alert(1)'])(
    'is not sent to %s after signing in',
    async (next) => {
      const admin = await start({ env: CREDENTIALS });
      const token = await admin.formToken('/sign-in');
      const { headers } = await admin.post('/sign-in', { token, secret: TOKEN, next });
      expect(headers.location).toBe('/');
    },
  );
});

describe('what writes', () => {
  it('is refused to those who may only look', async () => {
    const id = await consumer();
    const admin = await start({ env: CREDENTIALS });
    const page = await admin.get(`/consumers/${id}`, bearer(READ_ONLY_TOKEN));
    expect(page.body).not.toContain('>Pause<');
    const answer = await admin.post(`/consumers/${id}/pause`, {}, bearer(READ_ONLY_TOKEN));
    expect(answer.status).toBe(403);
    expect(await isPaused(id)).toBe(false);
  });

  it('is refused without the token of a page that this visitor was shown', async () => {
    const id = await consumer();
    const admin = await start({ env: CREDENTIALS });
    const ada = basic('ada', 'correct horse');
    const path = `/consumers/${id}/pause`;
    const others = await admin.formToken('/', bearer(TOKEN));
    for (const fields of [{}, { token: 'nonsense' }, { token: others }]) {
      expect((await admin.post(path, { ...fields }, ada)).status).toBe(403);
    }
    expect(await isPaused(id)).toBe(false);
    const token = await admin.formToken(`/consumers/${id}`, ada);
    expect((await admin.post(path, { token }, ada)).status).toBe(303);
    expect(await isPaused(id)).toBe(true);
  });

  it.each([
    ['another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['another origin only', { origin: 'https://evil.example' }],
    ['a sandboxed page', { origin: 'null' }],
    ['a neighbour on the same site', { 'sec-fetch-site': 'same-site' }],
    ['another port of this machine', { origin: 'http://127.0.0.1:1' }],
    ['nowhere', {}],
  ])('is refused from %s, also with a token', async (_, headers) => {
    const id = await consumer();
    const admin = await start();
    const token = await admin.formToken(`/consumers/${id}`);
    const answer = await admin.postBare(`/consumers/${id}/pause`, { token }, headers);
    expect(answer.status).toBe(403);
    expect(await isPaused(id)).toBe(false);
  });

  it('is done for a program that shows its token, and noted with who and what', async () => {
    const id = await consumer();
    const admin = await start({ env: CREDENTIALS });
    const answer = await admin.postBare(`/consumers/${id}/pause`, {}, bearer(TOKEN));
    expect(answer.status).toBe(303);
    expect(await isPaused(id)).toBe(true);
    expect(admin.lines).toContainEqual(
      expect.objectContaining({
        msg: 'admin action',
        action: 'pause',
        who: 'token',
        role: 'operator',
        address: '127.0.0.1',
        consumer: id,
      }),
    );
  });

  it('is noted in a line that does not grow with what was chosen', async () => {
    const id = await consumer();
    const admin = await start();
    const ids = Array.from({ length: 150 }, (_, at): [string, string] => ['id', String(at + 1)]);
    const token = await admin.formToken(`/consumers/${id}`);
    const fields: [string, string][] = [['token', token], ['key', 'k'.repeat(5_000)], ...ids];
    expect((await admin.postFields(`/consumers/${id}/replay`, fields)).status).toBe(303);
    const line = admin.lines.find(({ action }) => action === 'replay');
    const filter = line?.['filter'] as { ids: unknown[]; key: string };
    expect(filter.ids).toHaveLength(101);
    expect(filter.ids.at(-1)).toBe('and 50 more');
    expect(filter.key).toBe(`${'k'.repeat(1_000)}… (5000 characters)`);
  });

  it('has no way by GET, and takes forms only', async () => {
    const id = await consumer();
    const admin = await start();
    expect((await admin.get(`/consumers/${id}/pause`)).status).toBe(404);
    const json = { 'content-type': 'text/plain' };
    expect((await admin.post(`/consumers/${id}/pause`, {}, json)).status).toBe(415);
    expect(await isPaused(id)).toBe(false);
  });
});

describe("what other sites ask for behind their visitor's back", () => {
  it('is refused, though they could not read the answer', async () => {
    const admin = await start();
    for (const site of ['cross-site', 'same-site']) {
      const headers = { 'sec-fetch-site': site, 'sec-fetch-mode': 'no-cors' };
      expect((await admin.get('/statistics', headers)).status).toBe(403);
    }
  });

  it('is not refused when somebody follows a link', async () => {
    const admin = await start();
    const headers = {
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
    };
    expect((await admin.get('/', headers)).status).toBe(200);
  });
});

describe('what would cost too much', () => {
  it('is refused: an address with very many conditions', async () => {
    const admin = await start();
    const many = (count: number) =>
      Array.from({ length: count }, (_, n) => `where=a${n}=1`).join('&');
    expect((await admin.get(`/notifications?${many(1000)}`)).status).toBe(400);
    expect((await admin.get(`/notifications?${many(60)}`)).body).toContain('are too many');
  });

  it('is refused: a form of more than 4 MB', async () => {
    const admin = await start();
    const { status } = await admin.post('/send', { payload: 'x'.repeat(5_000_000) });
    expect(status).toBe(413);
  });

  it('is answered at once: the head of the updates, which never end', async () => {
    const admin = await start();
    expect((await admin.head('/events')).status).toBe(200);
  });

  it('is refused: what PostgreSQL does not take as a value, with no error in the log', async () => {
    const admin = await start();
    expect((await admin.get('/notifications?channel=%00')).status).toBe(400);
    expect((await admin.get('/notifications?since=2500000d')).status).toBe(400);
    expect(admin.lines.filter(({ level }) => Number(level) >= 50)).toEqual([]);
  });
});

describe('the name it is asked for under', () => {
  const config = { admin: { ...resolveForTest().admin, allowedHosts: ['tools.example.com'] } };

  it.each([
    ['localhost:7432', 200],
    ['127.0.0.1:7432', 200],
    ['[::1]:7432', 200],
    ['10.0.0.5', 200],
    ['tools.example.com', 200],
    ['TOOLS.example.com.', 200],
    ['evil.example', 421],
    ['localhost.evil.example', 421],
    ['127.0.0.1.evil.example', 421],
  ])('%s: %i', async (host, status) => {
    const admin = await start({ config });
    expect((await admin.get('/', { host })).status).toBe(status);
  });

  it('is checked for files and signing in, too', async () => {
    const admin = await start({ env: CREDENTIALS });
    for (const path of ['/sign-in', '/assets/admin.js', '/events', '/nowhere']) {
      expect((await admin.get(path, { host: 'evil.example' })).status).toBe(421);
    }
  });
});

describe('every page', () => {
  it('runs nothing but its own files and is shown by no other page', async () => {
    const id = await consumer();
    const admin = await start();
    for (const path of ['/', '/consumers', `/consumers/${id}`, '/dead-letters', '/nowhere']) {
      const { headers, body } = await admin.get(path);
      const policy = String(headers['content-security-policy']);
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("script-src 'self'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain('unsafe');
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['cache-control']).toBe('no-store');
      expect(headers['x-frame-options']).toBe('DENY');
      expect(body).not.toMatch(/<script(?![^>]* src=)|<style| style=| on\w+=/);
    }
  });

  it('escapes what others have written', async () => {
    const evil = `<img src=x onerror=alert(1)>"'`;
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: () => {
        throw new Error(evil);
      },
      retry: { maxAttempts: 1 },
    });
    await fixture.notify({}, evil);
    await fixture.start([consumer], { once: true }).ended;
    const admin = await start();
    const query = new URLSearchParams({ consumer: consumer.id, key: evil }).toString();
    for (const path of ['/', `/consumers/${consumer.id}`, `/dead-letters?${query}`]) {
      const { body } = await admin.get(path);
      expect(body).not.toContain('<img');
    }
    expect((await admin.get(`/dead-letters?${query}`)).body).toContain('&lt;img src=x');
  });
});

describe('what machines ask', () => {
  const metrics = { contentType: 'text/plain; version=0.0.4', text: async () => 'pgwatch_up 1\n' };

  it('for health and readiness, needs no credentials and no known name', async () => {
    const admin = await start({
      env: CREDENTIALS,
      readiness: async () => ({ ready: false, reasons: ['no lease'] }),
    });
    const pod = { host: 'pod.example', accept: '*/*' };
    expect(await admin.get('/healthz', pod)).toMatchObject({ status: 200, body: 'ok\n' });
    expect(await admin.get('/readyz', pod)).toMatchObject({
      status: 503,
      body: '{"ready":false,"reasons":["no lease"]}',
    });
  });

  it('for metrics, needs credentials where there are any', async () => {
    const open = await start({ metrics });
    expect((await open.get('/metrics')).body).toBe('pgwatch_up 1\n');
    expect((await open.get('/metrics', { host: 'evil.example' })).status).toBe(421);
    const closed = await start({ metrics, env: CREDENTIALS });
    expect((await closed.get('/metrics', { accept: '*/*' })).status).toBe(401);
    const scraper = { ...bearer(READ_ONLY_TOKEN), host: 'pgwatch.monitoring.svc' };
    expect((await closed.get('/metrics', scraper)).body).toBe('pgwatch_up 1\n');
    expect((await (await start()).get('/metrics')).status).toBe(404);
  });
});

describe('behind a proxy', () => {
  const { admin } = resolveForTest();

  it('links lead to the configured path, whether or not the proxy takes it off', async () => {
    const client = await start({ config: { admin: { ...admin, prefix: '/tools/pgwatch' } } });
    for (const path of ['/', '/tools/pgwatch/', '/tools/pgwatch']) {
      const { status, body } = await client.get(path);
      expect(status).toBe(200);
      expect(body).toContain('href="/tools/pgwatch/consumers"');
      expect(body).toContain('src="/tools/pgwatch/assets/admin.js"');
    }
    expect((await client.get('/tools/pgwatch/assets/admin.css')).status).toBe(200);
  });

  it('signing in stays below the path', async () => {
    const client = await start({
      env: CREDENTIALS,
      config: { admin: { ...admin, prefix: '/pgwatch' } },
    });
    const asked = await client.get('/pgwatch/consumers');
    expect(asked.headers.location).toBe('/pgwatch/sign-in?next=%2Fconsumers');
    const token = await client.formToken('/pgwatch/sign-in');
    const { headers } = await client.post('/pgwatch/sign-in', {
      token,
      secret: TOKEN,
      next: '/consumers',
    });
    expect(headers.location).toBe('/pgwatch/consumers');
    expect(headers['set-cookie']?.[0]).toContain('; Path=/pgwatch/');
  });

  it('the header of the proxy counts only where it is trusted, and only if it is a path', async () => {
    const forwarded = { 'x-forwarded-prefix': '/pgwatch' };
    const wary = await start();
    expect((await wary.get('/', forwarded)).body).toContain('href="/consumers"');
    const client = await start({ config: { admin: { ...admin, trustForwardedPrefix: true } } });
    expect((await client.get('/', forwarded)).body).toContain('href="/pgwatch/consumers"');
    for (const prefix of ['//evil.example', 'https://evil.example', '/a"b', '/../x']) {
      const { body } = await client.get('/', { 'x-forwarded-prefix': prefix });
      expect(body).toContain('href="/consumers"');
    }
  });
});
