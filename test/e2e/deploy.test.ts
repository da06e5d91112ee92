import { readFile } from 'node:fs/promises';
import { expect, it, onTestFinished } from 'vitest';
import { createInstalledDatabase } from '../support/installed-database.ts';
import { createProject, printingConsumer } from '../support/project.ts';
import { RunningProgram } from '../support/running-program.ts';

const textOf = (name: string) => readFile(new URL(`../../deploy/${name}`, import.meta.url), 'utf8');

/** The words of an instruction in its JSON form. */
function wordsOf(dockerfile: string, instruction: string): string[] {
  const [, json = '[]'] = new RegExp(`^${instruction} (\\[.*\\])$`, 'm').exec(dockerfile) ?? [];
  const words: unknown = JSON.parse(json);
  return Array.isArray(words) ? words.map(String) : [];
}

/** A project in which a command line as of a unit or an image is run: `node …`. */
async function runInProject(
  [program = '', ...parameters]: readonly string[],
  metrics = '127.0.0.1:0',
) {
  const database = await createInstalledDatabase();
  onTestFinished(() => database.drop());
  const project = await createProject({ 'consumers/a.ts': printingConsumer('a', 'a') });
  expect(program).toMatch(/(?:^|\/)node$/);
  const running = new RunningProgram(parameters, project.folder, {
    DATABASE_URL: database.url,
    PGWATCH_LOG_FORMAT: 'pretty',
    PGWATCH_METRICS: metrics,
  });
  onTestFinished(async () => {
    await running.kill('SIGKILL');
  });
  return { database, running };
}

it('what the image runs serves metrics, handles, and ends in order when it is stopped', async () => {
  const dockerfile = await textOf('docker/Dockerfile');
  const words = [...wordsOf(dockerfile, 'ENTRYPOINT'), ...wordsOf(dockerfile, 'CMD')];
  const [, host] = /\bPGWATCH_METRICS=(.+):\d+$/m.exec(dockerfile) ?? [];
  // On the port that it says, another one may listen here.
  const { database, running } = await runInProject(words, `${host}:0`);
  await running.says('serving metrics');
  await running.says('consumer live');
  await database.query(`select smart_notify('a')`);
  await running.says('handled a {}');
  expect(running.stderr).toContain('url=http://0.0.0.0:');
  expect(await running.kill('SIGTERM')).toEqual({ code: 0, signal: null });
});

it('what the unit of clean-up runs deletes what is old', async () => {
  const unit = await textOf('systemd/pgwatch-cleanup.service');
  const [, line = ''] = /^ExecStart=(.*)$/m.exec(unit) ?? [];
  const { running } = await runInProject(line.split(' '));
  expect(await running.ended).toEqual({ code: 0, signal: null });
  expect(running.stdout).toContain('0 notifications');
});

it('what the unit of the daemon runs is a daemon that serves metrics', async () => {
  const [, line = ''] = /^ExecStart=(.*)$/m.exec(await textOf('systemd/pgwatch.service')) ?? [];
  expect(line).toMatch(/ listen --metrics$/);
  // On the port that it says, another one may listen here.
  const { running } = await runInProject(line.replace(' --metrics', '').split(' '));
  await running.says('serving metrics');
  await running.says('consumer live');
  expect(await running.kill('SIGTERM')).toEqual({ code: 0, signal: null });
});
