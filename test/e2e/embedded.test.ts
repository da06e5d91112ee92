import { expect, it } from 'vitest';
import { createProject, printingConsumer } from '../support/project.ts';

const FILES = {
  'pgwatch.config.ts': `
    import { defineConfig } from 'pgwatch';
    export default defineConfig({ database: 'embedded', consumers: 'consumers/**/*.ts' });
  `,
  'consumers/a.ts': printingConsumer('first', 'c'),
  'consumers/b.ts': printingConsumer('second', 'c'),
};

it('an embedded server is shared by the commands of a project, and keeps its data', async () => {
  const project = await createProject(FILES);
  const daemon = project.start(['listen', '--migrate']);
  await daemon.says('listening');
  await daemon.says('consumer live', 2);
  await project.run(['notify', 'c', '"while it runs"']);
  await daemon.says('handled first "while it runs"');
  await daemon.says('handled second "while it runs"');
  expect((await daemon.kill('SIGINT')).code).toBe(0);

  await project.run(['notify', 'c', '"while it is stopped"']);
  const again = await project.run(['listen', '--once']);
  expect(again.stdout).toContain('handled first "while it is stopped"');
  expect(again.stdout).not.toContain('while it runs');
});

it('an embedded server whose owner is killed is brought back by who still needs it', async () => {
  const project = await createProject(FILES);
  const owner = project.start(['listen', '--migrate', '--consumers', 'first']);
  await owner.says('listening');
  const other = project.start(['listen', '--consumers', 'second']);
  await other.says('listening');
  await other.says('consumer live');
  await owner.kill('SIGKILL');
  await other.says('database connection lost');
  await other.says('database connection back');
  await project.run(['notify', 'c', '"after the crash"']);
  await other.says('handled second "after the crash"');
  expect((await other.kill('SIGTERM')).code).toBe(0);
});
