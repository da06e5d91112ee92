import { expect, it, onTestFinished } from 'vitest';
import { quoteLiteral } from '../../src/db/names.ts';
import { createTestDatabase } from '../support/database.ts';
import { createProject, printingConsumer } from '../support/project.ts';
import { createRole } from '../support/role.ts';
import { query } from '../support/server-probe.ts';

const CONFIG = `
  import { defineConfig } from 'pgwatch';
  export default defineConfig({
    consumers: 'consumers/**/*.ts',
    retry: { maxAttempts: 2, minDelaySeconds: 0, maxDelaySeconds: 0 },
  });
`;
const FAILING = `
  import { defineConsumer } from 'pgwatch';
  export default defineConsumer({
    id: 'failing',
    channels: ['events'],
    handle({ attempt }) {
      throw new Error('attempt ' + attempt);
    },
  });
`;

// The steps of docs/security.md.
it('an owner installs, a daemon that owns nothing runs, an application only sends', async (test) => {
  const owner = await createRole(test);
  const daemon = await createRole(test);
  const janitor = await createRole(test);
  const application = await createRole(test);
  const database = await createTestDatabase();
  onTestFinished(() => database.drop());
  const name = new URL(database.url).pathname.slice(1);
  await database.query(`
    revoke all on database ${name} from public;
    revoke all on schema public from public;
    grant connect, create on database ${name} to ${owner.name};
    grant usage, create on schema public to ${owner.name};
    grant connect on database ${name} to ${daemon.name}, ${janitor.name}, ${application.name}`);
  const project = await createProject({
    'pgwatch.config.ts': CONFIG,
    'consumers/a.ts': printingConsumer('printing', 'events'),
    'consumers/b.ts': FAILING,
  });
  const as = (role: typeof owner) => ({ env: { DATABASE_URL: role.url(database.url) } });

  const refused = await project.run(['migrate'], as(daemon));
  expect(refused.stderr).toContain('error[MIGRATION_FAILED]');
  expect(refused.stderr).toContain('it needs CREATE on the database');
  expect(refused.code).toBe(1);
  const dry = await project.run(
    ['migrate', '--dry-run', '--grant-consumer', daemon.name],
    as(owner),
  );
  expect(dry.stdout).toContain(`grant select on "pgwatch"."installation" to "${daemon.name}";`);
  const unreachable = await project.run(
    ['migrate', '--grant-producer', application.name],
    as(owner),
  );
  expect(unreachable.stderr).toContain('error[RIGHTS_MISSING]');
  expect(unreachable.stderr).toContain(`grant usage on schema "public" to "${application.name}"`);
  await database.query(`grant usage on schema public to ${application.name}`);
  const migrated = await project.run(
    ['migrate', ...['--grant-producer', application.name], ...['--grant-consumer', daemon.name]],
    as(owner),
  );
  expect(migrated.stderr).toBe('');
  expect(migrated.stdout).toContain(`granted  producer  ${application.name}\n`);
  expect(migrated.stdout).toContain(`granted  consumer  ${daemon.name}\n`);
  await database.query('revoke execute on all functions in schema public, pgwatch from public');
  await database.query('revoke usage on schema pgwatch from public');

  const send = (json: string) =>
    query(application.url(database.url), `select smart_notify('events', ${quoteLiteral(json)})`);
  const listening = project.start(['listen'], as(daemon));
  await listening.says('consumer live', 2);
  await listening.says('listening');
  await send('"small"');
  await listening.says('handled printing "small"');
  await send(JSON.stringify('x'.repeat(20_000)));
  await listening.says(`handled printing "${'x'.repeat(20_000)}"`);
  await listening.says('attempt 2', 2);
  expect(await listening.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  expect(listening.stderr).not.toContain('permission denied');
  const dead = await database.query(`select from pgwatch.redelivery where state = 'dead'`);
  expect(dead.rows).toHaveLength(2);

  await send('"missed"');
  const once = await project.run(['listen', '--once'], as(daemon));
  expect(once.stdout).toContain('printing: 1 handled');

  const denied = await project.run(['cleanup', '--days', '0'], as(daemon));
  expect(denied.stderr).toContain('error[RIGHTS_MISSING]');
  expect(denied.stderr).toContain('--grant-cleanup');
  await project.run(['migrate', '--grant-cleanup', janitor.name], as(owner));
  const cleaned = await project.run(['cleanup', '--days', '0', '--include-dead'], as(janitor));
  expect(cleaned.stdout).toContain('Deleted 3 notifications');
  expect((await project.run(['listen', '--once'], as(application))).stderr).toContain(
    'error[RIGHTS_MISSING]',
  );
});
