import { chmod, readFile } from 'node:fs/promises';
import { get } from 'node:http';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createInstalledDatabase } from '../support/installed-database.ts';
import { samplesOf } from '../support/metrics-text.ts';
import { createProject, printingConsumer } from '../support/project.ts';
import type { RunningProgram } from '../support/running-program.ts';
import { untilTrue } from '../support/server-probe.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

/** Any port that is free. */
const METRICS = ['--metrics', '127.0.0.1:0'];

/** Asks the server that a daemon has said it serves. */
async function serverOf(program: RunningProgram) {
  await program.says('serving metrics');
  const url = /url=(http:\S+)\/metrics/.exec(program.stderr)?.[1];
  if (url === undefined) throw new Error(program.stderr);
  return async (path: string, options?: RequestInit) => {
    const response = await fetch(`${url}${path}`, options);
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
}

/** Of the metrics, asked for under a name; `fetch` knows its own only. */
function statusAs({ stderr }: RunningProgram, host: string): Promise<number | undefined> {
  const url = /url=(http:\S+)/.exec(stderr)?.[1] ?? '';
  return new Promise((resolve, reject) => {
    get(url, { headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });
}

it('listen --metrics tells how it is, through the loss of the database', async () => {
  const database = await createInstalledDatabase();
  onTestFinished(() => database.drop());
  const proxy = await startTcpProxy(database.url);
  onTestFinished(() => proxy.close());
  const project = await createProject(
    { 'consumers/a.ts': printingConsumer('a', 'a') },
    { DATABASE_URL: proxy.url },
  );
  await database.query(`select smart_notify('a')`);
  const program = project.start(['listen', ...METRICS, '--reconnect-delay', '0.2']);
  const ask = await serverOf(program);
  await program.says('consumer live');
  await program.says('handled a {}');
  await program.says('listening');

  const metrics = await ask('/metrics');
  expect(metrics.status).toBe(200);
  expect(metrics.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  const samples = samplesOf(metrics.text);
  expect(samples.get('pgwatch_notifications_handled_total{consumer="a"}')).toBe(1);
  expect(samples.get('pgwatch_consumer_partitions_owned{consumer="a"}')).toBe(1);
  expect(await ask('/healthz')).toMatchObject({ status: 200, text: 'alive\n' });
  expect(await ask('/readyz')).toMatchObject({ status: 200, text: 'ready\n' });
  expect(await ask('/metrics', { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
  expect(await ask('/metrics', { method: 'POST' })).toMatchObject({ status: 405 });
  expect(await ask('/')).toMatchObject({ status: 404 });
  expect(await statusAs(program, 'localhost')).toBe(200);
  expect(await statusAs(program, 'evil.example')).toBe(421);

  await proxy.cut();
  await program.says('database connection lost');
  await untilTrue(async () => (await ask('/readyz')).status === 503);
  expect((await ask('/readyz')).text).toContain('no LISTEN session that has heard');
  expect((await ask('/healthz')).status).toBe(200);
  await untilTrue(async () => samplesOf((await ask('/metrics')).text).get('pgwatch_up') === 0);

  await proxy.mend();
  await untilTrue(async () => (await ask('/readyz')).status === 200);
  expect((await program.kill('SIGTERM')).code).toBe(0);
});

it('an address that is taken is an error before anything runs', async () => {
  const database = await createInstalledDatabase();
  onTestFinished(() => database.drop());
  const project = await createProject(
    { 'consumers/a.ts': printingConsumer('a', 'a') },
    { DATABASE_URL: database.url },
  );
  const first = project.start(['listen', ...METRICS]);
  await first.says('serving metrics');
  const port = /url=http:\/\/127\.0\.0\.1:(\d+)/.exec(first.stderr)?.[1] ?? '';
  const { code, stderr } = await project.run(['listen'], { env: { PGWATCH_METRICS: port } });
  expect(stderr).toContain('error[ADDRESS_UNAVAILABLE]');
  expect(stderr).toContain('Another program listens there.');
  expect(stderr).not.toContain('pgwatch started');
  expect(code).toBe(1);
});

it('an SDK that is loaded before pgwatch gets a span for each notification', async () => {
  const database = await createInstalledDatabase();
  onTestFinished(() => database.drop());
  const sdk = new URL('../../node_modules/@opentelemetry/sdk-trace-node', import.meta.url).href;
  const project = await createProject(
    {
      'consumers/a.ts': printingConsumer('a', 'a'),
      'tracing.mjs': `
        import sdk from '${sdk}/build/src/index.js';
        const exporter = new sdk.ConsoleSpanExporter();
        const processor = new sdk.SimpleSpanProcessor(exporter);
        new sdk.NodeTracerProvider({ spanProcessors: [processor] }).register();
      `,
    },
    { DATABASE_URL: database.url, NODE_OPTIONS: '--import ./tracing.mjs' },
  );
  await database.query(
    `set pgwatch.traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'; select smart_notify('a')`,
  );
  const { stdout, stderr, code } = await project.run(['listen', '--once']);
  expect(stdout, stderr).toContain("name: 'process a'");
  expect(stdout).toContain("traceId: '4bf92f3577b34da6a3ce929d0e0e4736'");
  expect(code).toBe(0);
});

/** Stands in for systemd's own program; writes down what it was told. Shell built-ins only. */
const RECORDER = `#!/bin/sh
printf '%s\\n' "$*" >> "\${0%/*}/told"
`;

it('gives systemd signs of life, also while the database is away', async () => {
  const database = await createInstalledDatabase();
  onTestFinished(() => database.drop());
  const proxy = await startTcpProxy(database.url);
  onTestFinished(() => proxy.close());
  const project = await createProject({
    'consumers/a.ts': printingConsumer('a', 'a'),
    'bin/systemd-notify': RECORDER,
  });
  const bin = join(project.folder, 'bin');
  await chmod(join(bin, 'systemd-notify'), 0o755);
  const program = project.start(['listen'], {
    env: {
      DATABASE_URL: proxy.url,
      NOTIFY_SOCKET: '/run/systemd/notify',
      WATCHDOG_USEC: '200000',
      PATH: bin,
    },
  });
  const told = () => readFile(join(bin, 'told'), 'utf8').catch(() => '');
  const signs = async () => (await told()).split(`--pid=${program.pid} WATCHDOG=1\n`).length - 1;
  await untilTrue(async () => (await told()).includes('READY=1') && (await signs()) > 2);
  await proxy.cut();
  await program.says('database connection lost');
  const before = await signs();
  await untilTrue(async () => (await signs()) > before + 2);
  expect((await program.kill('SIGTERM')).code).toBe(0);
});
