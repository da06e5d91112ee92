import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createProject, type Project } from '../support/project.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const BIN = fileURLToPath(new URL('../../bin/pgwatch.mjs', import.meta.url));

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const CONSUMER = `
  import { defineConsumer, PermanentError } from 'pgwatch';
  export default defineConsumer({
    id: 'mails',
    channels: ['orders'],
    handle({ data }: { data: { kind?: string } }) {
      if (data.kind === 'bad') throw new PermanentError('no such address');
    },
  });
`;

async function newProject(): Promise<Project> {
  return createProject(
    {
      'pgwatch.config.ts': `export default { consumers: 'consumers/*.ts' };`,
      'consumers/mails.ts': CONSUMER,
    },
    { DATABASE_URL: database.url },
  );
}

const notify = async (project: Project, ...what: string[]) =>
  (await project.run(['notify', ...what])).stdout.trim();

// Each goes on where the one before it ended.
describe.sequential('what shows how things stand', () => {
  it('doctor says what is missing, with exit code 1', async () => {
    const project = await newProject();
    const before = await project.run(['doctor']);
    expect(before.stdout).toContain('PROBLEM  schema: pgwatch is not installed in this database');
    expect(before.stdout).toMatch(/^ {11}pgwatch migrate$/m);
    expect(before.code).toBe(1);
    await project.run(['migrate']);
    const after = await project.run(['doctor']);
    expect(after.stdout).not.toContain('PROBLEM');
    expect(after.stdout).toMatch(/^ok {7}proof: 0 notifications were looked at/m);
    expect(after.stdout).toMatch(/^0 problems, /m);
    expect(after.code).toBe(0);
  });

  it('tail shows what comes, until a signal', async () => {
    const project = await newProject();
    const tail = project.start(['tail']);
    await tail.says('following the log');
    const id = await notify(project, 'orders', '{"kind":"good"}', '--key', 'k');
    await tail.says(` ${id} orders key=k {"kind": "good"}`);
    expect((await tail.kill('SIGINT')).code).toBe(0);
    expect(tail.stdout.split('\n')).toHaveLength(2);
  });

  it('tail --since --json shows what was, one line of JSON each', async () => {
    const project = await newProject();
    const tail = project.start(['tail', 'orders', '--since', '1h', '--json']);
    await tail.says('"notificationLogId"');
    expect(JSON.parse(tail.stdout)).toMatchObject({
      channel: 'orders',
      key: 'k',
      data: { kind: 'good' },
    });
    expect((await tail.kill('SIGTERM')).code).toBe(0);
    const wrong = await project.run(['tail', '--since', 'yesterday']);
    expect(wrong.stderr).toContain('error[USAGE]: "yesterday" is no time.');
    expect(wrong.code).toBe(2);
  });

  it('tail ends when nobody reads any more', async () => {
    const project = await newProject();
    const child = spawn(process.execPath, [BIN, 'tail', '--since', '1h', '--json'], {
      cwd: project.folder,
      env: { ...process.env, DATABASE_URL: database.url },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ended = new Promise((resolve) => child.on('exit', resolve));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    child.stdout.destroy();
    await notify(project, 'orders', '{"kind":"unread"}');
    expect(await ended).toBe(0);
  });

  it('status --watch ends when nobody reads any more', async () => {
    const project = await newProject();
    const child = spawn(process.execPath, [BIN, 'status', '--watch'], {
      cwd: project.folder,
      env: { ...process.env, DATABASE_URL: database.url },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ended = new Promise((resolve) => child.on('exit', resolve));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    child.stdout.destroy();
    expect(await ended).toBe(0);
  });

  it('status --watch goes on when the database is there again', async () => {
    const project = await newProject();
    const proxy = await startTcpProxy(database.url);
    onTestFinished(() => proxy.close());
    const watching = project.start(['status', '--watch', '--json'], {
      env: { DATABASE_URL: proxy.url },
    });
    await watching.says('"consumers"');
    await proxy.cut();
    await watching.says('database connection lost');
    const before = watching.stdout.split('\n').length;
    await proxy.mend();
    await watching.says('database connection back');
    await watching.says('"consumers"', before);
    expect((await watching.kill('SIGINT')).code).toBe(0);
  });

  it('explain tells what has become of a notification', async () => {
    const project = await newProject();
    const id = await notify(project, 'orders', '{"kind":"bad"}');
    await project.run(['listen', '--once']);
    const { stdout, code } = await project.run(['explain', id]);
    expect(stdout).toMatch(new RegExp(`^Notification ${id} on the channel orders`));
    expect(stdout).toContain('mails: dead\n');
    expect(stdout).toContain('last error: PermanentError: no such address');
    expect(code).toBe(0);
    const json = JSON.parse((await project.run(['explain', id, 'mails', '--json'])).stdout);
    expect(json).toMatchObject({
      inLog: true,
      channel: 'orders',
      consumers: [{ consumer: 'mails', state: 'dead', attempts: 1 }],
    });
    const missing = await project.run(['explain', '999999']);
    expect(missing.stdout).toContain('It was never given out');
    expect(missing.code).toBe(1);
    expect((await project.run(['explain', 'x'])).stderr).toContain('"x" is no id');
    expect((await project.run(['explain', id, 'mail'])).stderr).toContain('Did you mean "mails"?');
  });

  it('doctor --json tells of dead letters and of consumers that nobody has; warnings are no failure', async () => {
    const project = await newProject();
    const dead = await project.run(['doctor', '--quick', '--json']);
    const { findings, counts } = JSON.parse(dead.stdout);
    expect(findings).toContainEqual(
      expect.objectContaining({
        check: 'dead letters',
        severity: 'warning',
        mend: expect.arrayContaining(['pgwatch replay --consumer mails --dead']),
      }),
    );
    expect(findings.map(({ check }: { check: string }) => check)).not.toContain('proof');
    expect(counts.problem).toBe(0);
    expect(dead.code).toBe(0);
    await project.write({ 'consumers/mails.ts': CONSUMER.replace("'mails'", "'letters'") });
    const strange = await project.run(['doctor', '--quick']);
    expect(strange.stdout).toContain(
      "mails is registered, and is none of this project's consumers",
    );
    await project.write({ 'consumers/mails.ts': 'throw new Error("broken")' });
    const broken = await project.run(['doctor', '--quick']);
    expect(broken.stdout).toContain('PROBLEM  modules:');
    expect(broken.code).toBe(1);
  });

  it('doctor explains a server that cannot be reached', async () => {
    const project = await newProject();
    const { stdout, code } = await project.run(['doctor'], {
      env: { DATABASE_URL: 'postgres://u:secret@127.0.0.1:1/x' },
    });
    expect(stdout).toContain('PROBLEM  connection:');
    expect(stdout).toContain('Start PostgreSQL');
    expect(stdout).not.toContain('secret');
    expect(code).toBe(1);
  });
});
