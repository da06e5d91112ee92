import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createProject, type Project } from '../support/project.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** Prints what it handles; fails for good on "bad", until the folder has a file "mended". */
const CONSUMER = `
  import { existsSync } from 'node:fs';
  import { defineConsumer, PermanentError } from 'pgwatch';
  export default defineConsumer({
    id: 'mails',
    channels: ['orders'],
    handle({ json, data }: { json: string, data: { kind?: string } }) {
      if (data.kind === 'bad' && !existsSync('mended')) throw new PermanentError('no such address');
      console.log('handled', json);
    },
  });
`;

/** Lets a program believe that it is two hours later. */
const TWO_HOURS_AHEAD = `
  const Clock = globalThis.Date;
  const ahead = () => Clock.now() + 2 * 3_600_000;
  globalThis.Date = class extends Clock {
    constructor(...given) {
      super(...(given.length === 0 ? [ahead()] : given));
    }
    static now() {
      return ahead();
    }
  };
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

// In the order of what one would do: each test goes on where the one before it ended.
describe.sequential('what one does when something went wrong', () => {
  it('status says that nobody has run yet', async () => {
    const project = await newProject();
    await project.run(['migrate']);
    const { code, stdout } = await project.run(['status']);
    expect(stdout).toContain('No consumer has run on this database yet');
    expect(stdout).toContain('Log: 0 notifications');
    expect(code).toBe(0);
  });

  it('status shows consumers, their dead letters and the last error', async () => {
    const project = await newProject();
    await project.run(['notify', 'orders', '{"kind":"good"}']);
    await project.run(['notify', 'orders', '{"kind":"bad"}']);
    await project.run(['listen', '--once']);
    const { stdout } = await project.run(['status']);
    expect(stdout).toMatch(/^mails +stopped +0 +- +0 +0 +1 +-$/m);
    expect(stdout).toContain('PermanentError: no such address');
    expect(stdout).toMatch(/^orders +2 +/m);
    const json = JSON.parse((await project.run(['status', '--json'])).stdout);
    expect(json.consumers).toMatchObject([
      { id: 'mails', state: 'stopped', pending: 0, dead: 1, retrying: 0, owners: [] },
    ]);
    expect(json.log).toMatchObject({ notifications: 2, channels: [{ channel: 'orders' }] });
  });

  it('replay asks what is meant', async () => {
    const project = await newProject();
    const { code, stderr } = await project.run(['replay', '--consumer', 'mails']);
    expect(stderr).toContain('error[USAGE]: It is not said which notifications are meant.');
    expect(code).toBe(2);
  });

  it('replay --dry-run shows the count and changes nothing', async () => {
    const project = await newProject();
    const count = async (...choice: string[]) =>
      (await project.run(['replay', '--consumer', 'mails', '--dry-run', ...choice])).stdout;
    expect(await count('--all')).toBe('2 notifications would be handled again by mails.\n');
    expect(await count('--dead')).toBe('1 dead letter would be handled again by mails.\n');
    expect(await count('--where', 'kind=good')).toBe(
      '1 notification would be handled again by mails.\n',
    );
    expect(await count('--since', '1h', '--channel', 'other')).toBe(
      '0 notifications would be handled again by mails.\n',
    );
    expect(await count('--id', '4711')).toBe(
      '0 notifications would be handled again by mails.\n' +
        '  → `pgwatch explain 4711 mails` tells how it stands.\n',
    );
  });

  it("an age goes by the server's clock, whatever this machine's says", async () => {
    const project = await newProject();
    await project.write({ 'ahead.mjs': TWO_HOURS_AHEAD });
    const options = { env: { NODE_OPTIONS: '--import ./ahead.mjs' } };
    const dryRun = async (...command: string[]) =>
      (await project.run([...command, '--consumer', 'mails', '--dry-run'], options)).stdout;
    expect(await dryRun('replay', '--since', '1h')).toBe(
      '2 notifications would be handled again by mails.\n',
    );
    expect(await dryRun('replay', '--until', '1h')).toBe(
      '0 notifications would be handled again by mails.\n',
    );
    expect(await dryRun('discard', '--since', '1h')).toBe(
      '1 retry or dead letter of mails would be given up.\n',
    );
    const tail = project.start(['tail', 'orders', '--since', '1h'], options);
    await tail.says('{"kind": "bad"}');
    expect((await tail.kill('SIGTERM')).code).toBe(0);
  });

  it('a period that ends before it begins is an error, and not nothing to be done', async () => {
    const project = await newProject();
    for (const command of ['replay', 'discard']) {
      const what = [command, '--consumer', 'mails', '--since', '1h', '--until', '2h'];
      const { code, stderr } = await project.run(what);
      expect(stderr).toContain('so nothing could be meant');
      expect(code).toBe(2);
    }
  });

  it('a time that is none is an error before the database is asked', async () => {
    const project = await newProject();
    const env = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' };
    for (const command of [
      ['replay', '--consumer', 'mails'],
      ['discard', '--consumer', 'mails'],
      ['tail'],
    ]) {
      const { code, stderr } = await project.run([...command, '--since', 'yesterday'], { env });
      expect(stderr).toContain('error[USAGE]: "yesterday" is no time.');
      expect(code).toBe(2);
    }
  });

  it('replay lets a dead letter be handled once what was wrong is mended', async () => {
    const project = await newProject();
    await project.write({ mended: '' });
    const { stdout } = await project.run(['replay', '--consumer', 'mails', '--dead']);
    expect(stdout).toBe('Scheduled 1 notification to be handled again by mails.\n');
    const listen = await project.run(['listen', '--once']);
    expect(listen.stdout).toContain('handled {"kind": "bad"}');
    expect((await project.run(['status'])).stdout).toMatch(/^mails +stopped +0 +- +0 +0 +0 +-$/m);
  });

  it('discard gives up dead letters', async () => {
    const project = await newProject();
    await project.run(['notify', 'orders', '{"kind":"bad"}']);
    await project.run(['listen', '--once']);
    const discard = (...more: string[]) =>
      project.run(['discard', '--consumer', 'mails', '--dead', ...more]);
    expect((await discard('--dry-run')).stdout).toBe('1 dead letter of mails would be given up.\n');
    expect((await discard()).stdout).toBe('Gave up 1 dead letter of mails.\n');
    expect((await discard()).stdout).toBe('0 dead letters of mails would be given up.\n');
  });

  it('pause and resume tell what they did, and a mistyped name what was meant', async () => {
    const project = await newProject();
    expect((await project.run(['pause', 'mails'])).stdout).toMatch(/^mails is paused\./);
    expect((await project.run(['pause', 'mails'])).stdout).toBe('mails is paused already.\n');
    expect((await project.run(['status'])).stdout).toMatch(/^mails +paused/m);
    await project.run(['notify', 'orders', '{"kind":"waits"}']);
    const once = await project.run(['listen', '--once']);
    expect(once.stdout).toContain('mails: paused; `pgwatch resume` lets it go on');
    expect((await project.run(['resume', 'mails'])).stdout).toBe('mails goes on.\n');
    expect((await project.run(['listen', '--once'])).stdout).toContain('handled {"kind": "waits"}');
    const { code, stderr } = await project.run(['pause', 'mail']);
    expect(stderr).toContain('error[CONSUMER_UNKNOWN]');
    expect(stderr).toContain('Did you mean "mails"?');
    expect(code).toBe(2);
  });

  it('forget refuses a consumer that runs, and retires one that does not', async () => {
    const project = await newProject();
    const daemon = project.start(['listen']);
    await daemon.says('consumer live');
    const refused = await project.run(['forget', 'mails']);
    expect(refused.stderr).toContain(
      'error[CONSUMER_RUNNING]: The consumer "mails" is run by process',
    );
    expect(refused.code).toBe(1);
    await daemon.kill('SIGTERM');
    expect((await project.run(['forget', 'mails'])).stdout).toMatch(/^mails is forgotten\./);
    expect((await project.run(['status'])).stdout).toContain('No consumer has run');
  });

  it('status --watch --json prints a line each time, until a signal', async () => {
    const project = await newProject();
    const watch = project.start(['status', '--watch', '--json']);
    await watch.says('{"consumers"', 2);
    expect((await watch.kill('SIGINT')).code).toBe(0);
    expect(() =>
      watch.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).not.toThrow();
  });
});
