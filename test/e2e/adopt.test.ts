import { expect, it, onTestFinished } from 'vitest';
import { createInstalledDatabase } from '../support/installed-database.ts';
import { createProject, printingConsumer } from '../support/project.ts';

async function projectWithDatabase() {
  const database = await createInstalledDatabase();
  onTestFinished(() => database.drop());
  const project = await createProject(
    {
      'pgwatch.config.ts': `
        import { defineConfig } from 'pgwatch';
        export default defineConfig({ consumers: 'consumers/**/*.ts' });
      `,
      'consumers/a.ts': printingConsumer('adopted', 'adopted'),
    },
    { DATABASE_URL: database.url },
  );
  return { database, project };
}

it('a copy is refused by every command until it is adopted, but takes what applications send', async () => {
  const { database, project } = await projectWithDatabase();
  expect((await project.run(['listen', '--once'])).code).toBe(0);
  await database.query(`select smart_notify('adopted', '"pending"')`);
  await database.query('update pgwatch.installation set system_identifier = 1');

  for (const command of [['listen'], ['listen', '--once'], ['cleanup'], ['notify', 'adopted']]) {
    const { code, stderr } = await project.run(command);
    expect(stderr, command.join(' ')).toContain('error[CLUSTER_CHANGED]');
    expect(stderr).toContain('pgwatch adopt --skip-pending');
    expect(code).toBe(1);
  }
  expect((await project.run(['migrate'])).code).toBe(0);
  await database.query(`select smart_notify('adopted', '"sent to the copy"')`);

  const adopted = await project.run(['adopt', '--skip-pending']);
  expect(adopted.stdout).toBe(
    'Adopted: this database is an installation of its own now.\nCONSUMER  SKIPPED\nadopted   2\n',
  );
  expect(adopted.code).toBe(0);
  await database.query(`select smart_notify('adopted', '"new"')`);
  const { stdout } = await project.run(['listen', '--once']);
  expect(stdout).toContain('handled adopted "new"');
  expect(stdout).toContain('adopted: 1 handled');
});

it('adopt asks what is to become of what is pending, and finds nothing to do in an original', async () => {
  const { project } = await projectWithDatabase();
  for (const [flags, found] of [
    [[], 'found none'],
    [['--keep-pending', '--skip-pending'], 'found both'],
  ] as const) {
    const { code, stderr } = await project.run(['adopt', ...flags]);
    expect(stderr).toContain('error[USAGE]');
    expect(stderr).toContain(found);
    expect(stderr).toMatch(/With --keep-pending \(.*With --skip-pending \(/);
    expect(code).toBe(2);
  }
  const { code, stdout } = await project.run(['adopt', '--keep-pending']);
  expect(stdout).toContain('Nothing to adopt');
  expect(code).toBe(0);
});

it('a daemon that finds a copy behind its URL when it reconnects stops, and says why', async () => {
  const { database, project } = await projectWithDatabase();
  const program = project.start(['listen']);
  await program.says('consumer live');
  await program.says('listening');
  await database.query('update pgwatch.installation set system_identifier = 1');
  await database.query(
    `select pg_terminate_backend(pid) from pg_locks
     where locktype = 'advisory' and granted
       and database = (select oid from pg_database where datname = current_database())`,
  );
  expect((await program.ended).code).toBe(1);
  expect(program.stderr).toContain('error[CLUSTER_CHANGED]');
});
