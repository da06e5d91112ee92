import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createProject, type Project, printingConsumer } from '../support/project.ts';
import type { RunningProgram } from '../support/running-program.ts';

let database: TestDatabase;
let project: Project;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

async function newProject(): Promise<Project> {
  project = await createProject(
    {
      'pgwatch.config.ts': `export default { consumers: 'consumers/*.ts' };`,
      'consumers/mails.ts': printingConsumer('mails', 'orders'),
    },
    { DATABASE_URL: database.url },
  );
  await project.run(['migrate']);
  return project;
}

/** Where it says that the admin page is. */
async function urlOf(program: RunningProgram): Promise<string> {
  await program.says('admin page ready');
  const [url = ''] = /http:\/\/[\w.[\]:]+/.exec(program.stderr) ?? [];
  return url;
}

describe('pgwatch admin', () => {
  it('serves the page and all its files until a signal', async () => {
    const { start } = await newProject();
    const admin = start(['admin', '--port', '0']);
    const url = await urlOf(admin);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const page = await fetch(url);
    expect(page.status).toBe(200);
    const text = await page.text();
    expect(text).toContain('No consumer has run on this database yet.');
    const files = new Set([...text.matchAll(/(?:href|src)="(?<file>\/assets\/[^"]+)"/g)]);
    const scripts = ['charts', 'live', 'selection', 'uplot', 'idiomorph'];
    const paths = [
      ...[...files].map(({ groups }) => groups?.['file'] ?? ''),
      ...scripts.map((name) => `/assets/${name}.js`),
    ];
    for (const path of paths) {
      const { status, headers } = await fetch(`${url}${path}`);
      expect([path, status]).toEqual([path, 200]);
      expect(headers.get('content-type')).toMatch(/^(text\/(javascript|css)|image\/svg)/);
    }
    const end = await admin.kill('SIGTERM');
    expect(end.code).toBe(0);
    expect(admin.stdout).toBe(`${url}\n`);
  });

  it('refuses an address that others can reach without credentials, and takes it with them', async () => {
    const { run, start } = await newProject();
    const refused = await run(['admin', '--host', '0.0.0.0', '--port', '0']);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('error[ADMIN_CREDENTIALS]');
    const token = 'a-token-of-some-length';
    const admin = start(['admin', '--host', '0.0.0.0', '--port', '0'], {
      env: { PGWATCH_ADMIN_TOKEN: token },
    });
    const url = (await urlOf(admin)).replace('0.0.0.0', '127.0.0.1');
    expect((await fetch(url)).status).toBe(401);
    const known = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    expect(known.status).toBe(200);
  });
});

describe('pgwatch listen --admin', () => {
  it('serves the page beside the consumers, and ends with them', async () => {
    const { start } = await newProject();
    const daemon = start(['listen', '--admin', '127.0.0.1:0']);
    const url = await urlOf(daemon);
    await daemon.says('consumer live');
    await expect.poll(async () => (await fetch(`${url}/consumers/mails`)).status).toBe(200);
    const end = await daemon.kill('SIGTERM');
    expect(end.code).toBe(0);
    await expect(fetch(url)).rejects.toThrow();
  });

  it.each([
    [['--admin', 'no address'], 'is no address to listen at'],
    [['--admin', '0.0.0.0:0'], 'ADMIN_CREDENTIALS'],
    [['--admin', '--once'], "cannot be used with option '--once'"],
  ])('%j is refused', async (parameters, message) => {
    const { run } = await newProject();
    const { code, stderr } = await run(['listen', ...parameters]);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });
});
