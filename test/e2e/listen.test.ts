import { hostname } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createInstalledDatabase, type InstalledDatabase } from '../support/installed-database.ts';
import { createProject, printingConsumer } from '../support/project.ts';

let test: InstalledDatabase;
let empty: TestDatabase;

beforeAll(async () => {
  [test, empty] = await Promise.all([createInstalledDatabase(), createTestDatabase()]);
});
afterAll(() => Promise.all([test.drop(), empty.drop()]));

const config = (consumers = 'consumers/**/*.ts') => `
  import { defineConfig } from 'pgwatch';
  export default defineConfig({ consumers: '${consumers}' });
`;

function projectWith(files: Readonly<Record<string, string>>, url = test.url) {
  return createProject({ 'pgwatch.config.ts': config(), ...files }, { DATABASE_URL: url });
}

describe('pgwatch listen', () => {
  it('handles what another process sends, stops at SIGTERM, and goes on at the next start', async () => {
    const project = await projectWith({
      'consumers/shop/a.ts': printingConsumer('e2e_a', 'e2e_a'),
    });
    const first = project.start(['listen']);
    await first.says('consumer live');
    await first.says('listening');
    const sent = await project.run(['notify', 'e2e_a', '{"n":1}']);
    expect(sent.stdout).toMatch(/^\d+\n$/);
    await first.says('handled e2e_a {"n": 1}');
    expect(await first.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(first.stderr).toContain('pgwatch stopped');

    await project.run(['notify', 'e2e_a', '{"n":2}']);
    const second = project.start(['listen']);
    await second.says('handled e2e_a {"n": 2}');
    expect((await second.kill('SIGINT')).code).toBe(0);
    expect(second.stdout).not.toContain('{"n": 1}');
  });

  it('with --once says which process runs a consumer already; that one stops at SIGHUP', async () => {
    const project = await projectWith({ 'consumers/a.ts': printingConsumer('e2e_hup', 'e2e_hup') });
    const daemon = project.start(['listen']);
    await daemon.says('consumer live');
    const { code, stdout } = await project.run(['listen', '--once']);
    expect(stdout).toBe(`e2e_hup: left to process ${daemon.pid} on ${hostname()}, which runs it\n`);
    expect(code).toBe(0);
    expect(await daemon.kill('SIGHUP')).toEqual({ code: 0, signal: null });
    expect(daemon.stderr).toContain('pgwatch stopped');
  });

  it('runs TypeScript consumers of a CommonJS project, and classes', async () => {
    const project = await projectWith({
      'package.json': '{"name":"commonjs"}',
      'consumers/a.ts': `
        import { BaseConsumer, type NotificationHandler } from 'pgwatch';
        class Printing extends BaseConsumer {
          static override channels: string[] = ['e2e_cjs'];
          handleNotification(handler: NotificationHandler) {
            console.log('handled', this.consumerId, JSON.stringify(handler.data));
          }
        }
        export class First extends Printing { static override consumerId = 'e2e_cjs_first'; }
        export class Second extends Printing { static override consumerId = 'e2e_cjs_second'; }
      `,
    });
    await test.query(`select smart_notify('e2e_cjs', '{"n":1}')`);
    const { code, stdout } = await project.run(['listen', '--once']);
    expect(stdout).toContain('handled e2e_cjs_first {"n":1}');
    expect(stdout).toContain('handled e2e_cjs_second {"n":1}');
    expect(code).toBe(0);
  });

  it('survives kill -9: nothing is lost, and the next start does not wait for the lease', async () => {
    const project = await projectWith({
      'consumers/a.ts': `
        import { existsSync } from 'node:fs';
        import { defineConsumer } from 'pgwatch';
        export default defineConsumer({
          id: 'e2e_kill',
          channels: ['e2e_kill'],
          async handle({ data }) {
            console.log('begun', data);
            // Until it is killed: a process that waits for nothing would end.
            if (data === 25 && !existsSync('second')) await new Promise(() => setInterval(() => {}, 1e6));
            console.log('handled', data);
          },
        });
      `,
    });
    const first = project.start(['listen']);
    await first.says('listening');
    await test.query(`select smart_notify('e2e_kill', to_jsonb(n)) from generate_series(1, 50) n`);
    await first.says('begun 25');
    await first.kill('SIGKILL');
    await test.query(`select smart_notify('e2e_kill', '51')`);
    await project.write({ second: '' });
    const second = project.start(['listen']);
    await second.says('handled 51');
    expect(second.stderr).not.toContain('run by another process');
    expect(first.stdout).not.toContain('handled 25');
    const handled = [first.stdout, second.stdout].join('\n').match(/handled \d+/g) ?? [];
    expect(new Set(handled).size).toBe(51);
  });

  it('drains everything with --once, says what it did and exits', async () => {
    const project = await projectWith({
      'consumers/a.ts': printingConsumer('e2e_once', 'e2e_once'),
      'consumers/b.ts': `
        import { defineConsumer, PermanentError } from 'pgwatch';
        export default defineConsumer({
          id: 'e2e_once_picky',
          channels: ['e2e_once'],
          handle({ data }) {
            if (data === 2) throw new PermanentError('not two');
            if (data === 3) throw new Error('three, later');
          },
        });
      `,
    });
    await test.query(`select smart_notify('e2e_once', to_jsonb(n)) from generate_series(1, 3) n`);
    const { code, stdout, stderr } = await project.run(['listen', '--once']);
    expect(stdout).toContain('e2e_once: 3 handled, 0 to be retried, 0 dead-lettered\n');
    expect(stdout).toContain('e2e_once_picky: 1 handled, 1 to be retried, 1 dead-lettered\n');
    expect(stderr).toContain('dead-lettered');
    expect(code).toBe(0);
  });

  it('runs different consumers in two processes, which both handle what is sent, live', async () => {
    const project = await projectWith({
      'consumers/a.ts': printingConsumer('e2e_one', 'e2e_two_processes'),
      'consumers/b.ts': printingConsumer('e2e_other', 'e2e_two_processes'),
    });
    const one = project.start(['listen', '--consumers', 'e2e_one']);
    const other = project.start(['listen', '--exclude-consumers', 'e2e_one']);
    for (const process of [one, other]) {
      await process.says('consumer live');
      await process.says('listening');
    }
    await test.query(`select smart_notify('e2e_two_processes', '1')`);
    await one.says('handled e2e_one 1');
    await other.says('handled e2e_other 1');
    for (const process of [one, other]) expect((await process.kill('SIGTERM')).code).toBe(0);
    expect(one.stdout).not.toContain('e2e_other');
    expect(other.stdout).not.toContain('e2e_one');
  });

  it('selects consumers by id, by app and by exclusion', async () => {
    const project = await projectWith({
      'consumers/shop/a.ts': printingConsumer('e2e_sel_a', 'e2e_sel'),
      'consumers/shop/b.ts': printingConsumer('e2e_sel_b', 'e2e_sel'),
      'consumers/mail/c.ts': printingConsumer('e2e_sel_c', 'e2e_sel'),
    });
    await test.query(`select smart_notify('e2e_sel')`);
    const handledBy = async (...flags: string[]) =>
      (
        (await project.run(['listen', '--once', ...flags])).stdout.match(/handled \S+/g) ?? []
      ).sort();
    expect(await handledBy('--consumers', 'e2e_sel_a')).toEqual(['handled e2e_sel_a']);
    expect(await handledBy('--apps', 'shop', '--exclude-consumers', 'e2e_sel_a')).toEqual([
      'handled e2e_sel_b',
    ]);
    expect(await handledBy('--apps', 'mail,shop')).toEqual(['handled e2e_sel_c']);
  });

  it('warns of a broken module of another app, and refuses to start for one of its own', async () => {
    const project = await projectWith({
      'consumers/shop/broken.ts': 'throw new Error("boom");',
      'consumers/mail/a.ts': printingConsumer('e2e_apps', 'e2e_apps'),
    });
    const mail = await project.run(['listen', '--once', '--apps', 'mail']);
    expect(mail.stdout).toBe('e2e_apps: 0 handled, 0 to be retried, 0 dead-lettered\n');
    expect(mail.stderr).toMatch(/WARN +module could not be loaded .*consumers\/shop\/broken\.ts/);
    expect(mail.code).toBe(0);
    for (const flags of [[], ['--apps', 'shop,mail']]) {
      const { code, stderr } = await project.run(['listen', '--once', ...flags]);
      expect(stderr).toContain('error[CONSUMER_LOAD_FAILED]: consumers/shop/broken.ts:1:7: boom');
      expect(code).toBe(1);
    }
  });

  it('refuses to start on a database without its schema, and migrates when told to', async () => {
    const project = await projectWith(
      { 'consumers/a.ts': printingConsumer('e2e_new', 'e2e_new') },
      empty.url,
    );
    const refused = await project.run(['listen']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('error[SCHEMA_MISSING]');
    expect(refused.stderr).toContain('pgwatch migrate');
    const { code, stdout } = await project.run(['listen', '--migrate', '--once']);
    expect(code).toBe(0);
    expect(stdout).toContain('migrated  pgwatch  0001_tables');
  });

  it('exits at once at a second signal', async () => {
    const project = await projectWith({
      'consumers/a.ts': `
        import { defineConsumer } from 'pgwatch';
        export default defineConsumer({
          id: 'e2e_hang',
          channels: ['e2e_hang'],
          handle() {
            console.log('hanging');
            return new Promise(() => {});
          },
        });
      `,
    });
    await test.query(`select smart_notify('e2e_hang')`);
    const program = project.start(['listen']);
    await program.says('hanging');
    program.signal('SIGINT');
    await program.says('waiting for handlers');
    expect(await program.kill('SIGINT')).toEqual({ code: 1, signal: null });
    // With a grace period of its own, the first signal is enough.
    const patient = project.start(['listen', '--shutdown-timeout', '0.2']);
    await patient.says('hanging');
    expect(await patient.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(patient.stderr).toContain('aborting');
  });

  it('logs JSON lines without any password', async () => {
    const project = await projectWith({
      'consumers/a.ts': printingConsumer('e2e_json', 'e2e_json'),
    });
    const program = project.start(['listen', '--log-format', 'json', '--log-level', 'trace']);
    await program.says('"msg":"listening"');
    await program.kill('SIGTERM');
    const password = new URL(test.url).password;
    for (const line of program.stderr.trim().split('\n')) {
      expect(JSON.parse(line)).toMatchObject({
        level: expect.any(String),
        msg: expect.any(String),
      });
    }
    if (password !== '') expect(program.stderr + program.stdout).not.toContain(password);
  });

  it.each([
    [['listen', '--consumers', 'e2e_bda'], 'CONSUMER_UNKNOWN', 2, 'Did you mean "e2e_bad"?'],
    [['listen', '--apps', 'shopp'], 'APP_UNKNOWN', 2, 'Did you mean "shop"?'],
    [['listen', '--exclude-consumers', 'e2e_bad'], 'CONSUMERS_NONE', 2, ''],
    [['listen', '--tiemout', '3'], 'USAGE', 2, '--timeout'],
    [['listen', '--timeout', 'soon'], 'USAGE', 2, 'soon'],
    [['lisen'], 'USAGE', 2, 'listen'],
    [['notify', 'c', '{"broken'], 'PAYLOAD_INVALID', 2, 'JSON'],
    [['notify', 'x'.repeat(64)], 'CHANNEL_INVALID', 2, '63'],
    [
      ['--database-url', 'postgres://u:s3cret@127.0.0.1:1/x', 'listen'],
      'DATABASE_UNREACHABLE',
      1,
      '',
    ],
    [['--config', 'nope.ts', 'listen'], 'CONFIG_NOT_FOUND', 2, 'nope.ts'],
    [['migrate', '--to', 'nothing'], 'MIGRATION_UNKNOWN', 2, 'nothing'],
  ])('answers %j with %s', async (parameters, errorCode, exitCode, says) => {
    const project = await projectWith({
      'consumers/shop/a.ts': printingConsumer('e2e_bad', 'e2e_bad'),
    });
    const { code, stdout, stderr } = await project.run(parameters);
    expect(stderr).toContain(`error[${errorCode}]`);
    expect(stderr).toContain(says);
    expect(stderr).not.toMatch(/\n\s+at .*\d+:\d+/); // no stack trace
    expect(stderr).not.toContain('s3cret');
    expect(stdout).toBe('');
    expect(code).toBe(exitCode);
  });

  it('refuses to start when a consumer module cannot be loaded', async () => {
    const project = await projectWith({
      'consumers/a.ts': printingConsumer('e2e_sound', 'e2e_sound'),
      'consumers/broken.ts': `throw new Error('no configuration for mails');`,
    });
    const { code, stderr } = await project.run(['listen', '--once']);
    expect(stderr).toContain('error[CONSUMER_LOAD_FAILED]');
    expect(stderr).toContain('consumers/broken.ts');
    expect(stderr).toContain('no configuration for mails');
    expect(code).toBe(1);
    const named = await project.run(['listen', '--once', '--consumers', 'e2e_sound']);
    expect(named.code).toBe(0);
  });

  it('refuses to start when a consumer was not made by defineConsumer', async () => {
    const project = await projectWith({
      'consumers/a.ts': printingConsumer('e2e_sound', 'e2e_sound'),
      'consumers/bare.ts': `export default { id: 'e2e_bare', channels: ['e2e_bare'], handle() {} };`,
    });
    const { code, stderr } = await project.run(['listen', '--once']);
    expect(stderr).toContain('error[CONSUMER_INVALID]: bare in consumers/bare.ts looks like');
    expect(stderr).toContain('Wrap it in defineConsumer(');
    expect(code).toBe(2);
  });
});

describe('a module with a life of its own', () => {
  const TIMER = `
    import { defineConsumer } from 'pgwatch';
    setInterval(() => {}, 1000);
    export default defineConsumer({ id: 'e2e_timer', channels: ['e2e_timer'], handle() {} });
  `;

  it('does not keep a finished command from ending', async () => {
    const project = await projectWith({ 'consumers/a.ts': TIMER });
    expect((await project.run(['list-consumers'])).code).toBe(0);
    const program = project.start(['listen']);
    await program.says('listening');
    expect(await program.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  it('that throws outside of its handler ends the process in order: with its name, with no password', async () => {
    const project = await projectWith({
      'consumers/a.ts': `
        import { defineConsumer } from 'pgwatch';
        export default defineConsumer({
          id: 'e2e_stray',
          channels: ['e2e_stray'],
          handle({ isReplay }) {
            if (isReplay) return console.log('handled twice');
            setTimeout(() => {
              throw new Error('cannot reach postgres://user:s3cret@db/shop');
            });
          },
        });
      `,
    });
    const program = project.start(['listen', '--log-format', 'pretty']);
    await program.says('listening');
    // Before it is live, what comes is taken for a replay.
    await program.says('consumer live');
    await test.query(`select smart_notify('e2e_stray')`);
    expect((await program.ended).code).toBe(1);
    expect(program.stderr).toMatch(
      /ERROR an error was thrown outside of every handler, stopping {2}consumers=\["e2e_stray"\]/,
    );
    expect(program.stderr).toContain('at=consumers/a.ts:');
    expect(program.stderr).toContain('error[UNEXPECTED]: cannot reach postgres://user:***@db/shop');
    expect((await project.run(['listen', '--once'])).stdout).toBe(
      'e2e_stray: 0 handled, 0 to be retried, 0 dead-lettered\n',
    );
  });

  it('that leaves a rejected promise lying about is named, and disturbs nobody', async () => {
    const project = await projectWith({
      'consumers/a.ts': `
        import { defineConsumer } from 'pgwatch';
        export default defineConsumer({
          id: 'e2e_floating',
          channels: ['e2e_floating'],
          handle({ data }) {
            console.log('handled', data);
            Promise.reject(new Error('nobody awaits this'));
          },
        });
      `,
    });
    const program = project.start(['listen', '--log-format', 'pretty']);
    await program.says('listening');
    await test.query(`select smart_notify('e2e_floating', '1')`);
    await program.says('a promise that no handler awaited was rejected, going on');
    await test.query(`select smart_notify('e2e_floating', '2')`);
    await program.says('handled 2');
    expect(program.stderr).toMatch(/consumers=\["e2e_floating"\] error="nobody awaits this" at=/);
    expect(await program.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });
});
