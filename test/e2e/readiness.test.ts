import { existsSync } from 'node:fs';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createInstalledDatabase } from '../support/installed-database.ts';
import { createProject, printingConsumer } from '../support/project.ts';
import { untilTrue } from '../support/server-probe.ts';

/** Stands in for systemd's own program; writes down what it was told. Shell built-ins only. */
const RECORDER = `#!/bin/sh
printf '%s\\n' "$*" >> "\${0%/*}/told"
`;

it('a daemon that cannot write is not ready before it can, though it listens', async () => {
  const database = await createInstalledDatabase();
  onTestFinished(() => database.drop());
  // New sessions are read-only in between; this one stays as it is.
  const admin = await database.connect();
  const name = new URL(database.url).pathname.slice(1);
  const project = await createProject({
    'consumers/a.ts': printingConsumer('a', 'a'),
    'bin/systemd-notify': RECORDER,
  });
  const bin = join(project.folder, 'bin');
  await chmod(join(bin, 'systemd-notify'), 0o755);

  await admin.query(`alter database ${name} set default_transaction_read_only = on`);
  const program = project.start(['listen', '--reconnect-delay', '0.3'], {
    env: { DATABASE_URL: database.url, NOTIFY_SOCKET: '/run/systemd/notify', PATH: bin },
  });
  await program.says('listening');
  await program.says('database connection lost');
  expect(existsSync(join(bin, 'told'))).toBe(false);

  await admin.query(`alter database ${name} reset default_transaction_read_only`);
  await admin.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()',
    [name],
  );
  await admin.end();
  await program.says('consumer live');
  await untilTrue(() => existsSync(join(bin, 'told')));
  expect(await readFile(join(bin, 'told'), 'utf8')).toBe(`--pid=${program.pid} READY=1\n`);
});
