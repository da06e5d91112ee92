import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { parse } from 'yaml';
import { EXIT_CODES } from '../../src/cli/report-error.ts';
import { isRecord } from '../../src/is-record.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import { typesOf } from '../support/metrics-text.ts';
import { skipBecause } from '../support/skip.ts';
import { folderWith } from '../support/temporary-folder.ts';

const run = promisify(execFile);
const DEPLOY = new URL('../../deploy/', import.meta.url);

const pathOf = (name: string) => fileURLToPath(new URL(name, DEPLOY));
const textOf = (name: string) => readFileSync(new URL(name, DEPLOY), 'utf8');

/** Names of samples, as an expression may use them, to the labels that they have. */
const samples = new Set<string>();

beforeAll(async () => {
  const figures = { latest: async () => undefined, failures: 0 };
  const text = await new Metrics({ consumers: ['a'], figures, version: '1.2.3' }).text();
  for (const [name, type] of typesOf(text)) {
    if (type !== 'histogram') samples.add(name);
    else for (const suffix of ['bucket', 'sum', 'count']) samples.add(`${name}_${suffix}`);
  }
});

/** The names in an expression that can only be metrics of ours or of the process. */
function metricsIn(expression: string): string[] {
  return [...expression.matchAll(/\b(?:pgwatch|process|nodejs)_\w+/g)].map(([name]) => name);
}

/** All values of this key, however deep. */
function valuesOf(key: string, within: unknown): unknown[] {
  if (Array.isArray(within)) return within.flatMap((item) => valuesOf(key, item));
  if (!isRecord(within)) return [];
  return Object.entries(within).flatMap(([name, value]) => [
    ...(name === key ? [value] : []),
    ...valuesOf(key, value),
  ]);
}

/** Runs a program of the system; skips the test where there is none. */
async function runIfThere(test: TestContext, program: string, ...parameters: string[]) {
  try {
    await run(program, parameters);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if ('code' in error && error.code === 'ENOENT') {
      skipBecause(test, `${program} is not installed; the form is checked all the same`);
    }
    const said = [
      error.message,
      'stdout' in error && error.stdout,
      'stderr' in error && error.stderr,
    ];
    throw new Error(said.filter(Boolean).join('\n'), { cause: error });
  }
}

describe('the alert rules', () => {
  const rules: unknown[] = valuesOf('rules', parse(textOf('prometheus/pgwatch.rules.yml'))).flat();

  it('each have a line in docs/operations.md that says what to do, and no other alert has one', () => {
    const document = readFileSync(new URL('../docs/operations.md', DEPLOY), 'utf8');
    const lines = document.split('\n').filter((line) => line.startsWith('| `Pgwatch'));
    const named = lines.flatMap((line) => line.split('|')[1]?.match(/Pgwatch\w+/g) ?? []);
    expect(named.toSorted()).toEqual(valuesOf('alert', rules).map(String).toSorted());
  });

  it('each have an expression of metrics that there are, a severity, and a text', () => {
    expect(rules.length).toBeGreaterThan(10);
    for (const rule of rules) {
      expect(rule).toMatchObject({
        alert: expect.stringMatching(/^Pgwatch[A-Z]\w+$/),
        expr: expect.any(String),
        for: expect.stringMatching(/^\d+[smhd]$/),
        labels: { severity: expect.stringMatching(/^(?:info|warning|critical)$/) },
        annotations: { summary: expect.any(String), description: expect.any(String) },
      });
    }
    const used = valuesOf('expr', rules).flatMap((expression) => metricsIn(String(expression)));
    expect(used.length).toBeGreaterThan(10);
    expect(used.filter((name) => !samples.has(name))).toEqual([]);
  });

  it('alert of what is told of', () => {
    const names = valuesOf('alert', rules);
    for (const name of [
      'PgwatchAbsent',
      'PgwatchDown',
      'PgwatchHandlerFailing',
      'PgwatchConsumerBehind',
      'PgwatchConsumerNotOwned',
      'PgwatchDeadLetters',
      'PgwatchNotifyQueueFilling',
      'PgwatchLogGrowing',
    ]) {
      expect(names).toContain(name);
    }
  });

  it('do not depend on what a job is called', () => {
    for (const expression of valuesOf('expr', rules)) expect(expression).not.toMatch(/\bjob\s*=/);
  });

  it('measure failures by notifications, not by calls, which may have many', () => {
    const rule = rules.filter(isRecord).find(({ alert }) => alert === 'PgwatchHandlerFailing');
    expect(metricsIn(String(rule?.['expr']))).toEqual([
      'pgwatch_notifications_failed_total',
      'pgwatch_notifications_failed_total',
      'pgwatch_notifications_handled_total',
    ]);
  });

  it('are right, and fire when they should, as promtool says', async (test) => {
    await runIfThere(test, 'promtool', 'check', 'config', pathOf('prometheus/prometheus.yml'));
    const tests = ['pgwatch.rules.test.yml', 'pgwatch.week.test.yml'];
    const paths = tests.map((name) => pathOf(`prometheus/${name}`));
    await runIfThere(test, 'promtool', 'test', 'rules', ...paths);
  });
});

describe('the dashboard', () => {
  const dashboard: unknown = JSON.parse(textOf('grafana/pgwatch.json'));

  it('asks for metrics that there are, each of which is shown', () => {
    const queries = [...valuesOf('expr', dashboard), ...valuesOf('definition', dashboard)];
    const used = queries.flatMap((query) => metricsIn(String(query)));
    expect(used.filter((name) => !samples.has(name))).toEqual([]);
    const ours = [...samples].filter((name) => /^pgwatch_(?:consumer|notifications)_/.test(name));
    const failed = 'pgwatch_notifications_failed_total'; // the sum of two that are shown
    expect(ours.filter((name) => name !== failed && !used.includes(name))).toEqual([]);
  });

  it('takes all jobs for those that have daemons, not for all of Prometheus', () => {
    // `up` and `process_…` are metrics of others, too.
    const variables = valuesOf('list', dashboard).flat().filter(isRecord);
    const job = variables.find(({ name }) => name === 'job');
    expect(job).toMatchObject({ definition: 'label_values(pgwatch_build_info, job)' });
    expect(job).not.toHaveProperty('allValue');
  });

  it('has panels with a title and a unit that lie beside each other', () => {
    const panels = valuesOf('panels', dashboard).flat().filter(isRecord);
    const cells = new Set<string>();
    for (const { type, title, gridPos, fieldConfig, targets } of panels) {
      expect(title).toMatch(/./);
      if (type === 'row') continue;
      expect(valuesOf('unit', fieldConfig)).toHaveLength(1);
      expect(targets).not.toEqual([]);
      const place = isRecord(gridPos) ? gridPos : {};
      const [x, y, w, h] = ['x', 'y', 'w', 'h'].map((key) => Number(place[key]));
      for (let column = x ?? 0; column < (x ?? 0) + (w ?? 0); column += 1) {
        for (let line = y ?? 0; line < (y ?? 0) + (h ?? 0); line += 1) {
          expect(column).toBeLessThan(24);
          expect(cells.has(`${column} ${line}`), `${title} lies on another panel`).toBe(false);
          cells.add(`${column} ${line}`);
        }
      }
    }
    const ids = panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('the units of systemd', () => {
  it('are what they say', () => {
    const service = textOf('systemd/pgwatch.service');
    for (const line of [
      'Type=notify',
      'NotifyAccess=all',
      'DynamicUser=yes',
      'NoNewPrivileges=yes',
    ]) {
      expect(service.split('\n')).toContain(line);
    }
    expect(service).toMatch(/^WatchdogSec=\d+$/m);
    expect(textOf('systemd/pgwatch-cleanup.service')).toMatch(/^Type=oneshot$/m);
    expect(textOf('systemd/pgwatch-cleanup.timer')).toMatch(/^OnCalendar=/m);
  });

  it.each(['pgwatch.service', 'pgwatch-cleanup.service'])(
    'give the user that is made up for %s a home, which Node looks for',
    (name) => {
      expect(textOf(`systemd/${name}`)).toMatch(/^Environment=(?:.* )?HOME=\/tmp$/m);
      expect(textOf(`systemd/${name}`)).toMatch(/^PrivateTmp=yes$/m);
    },
  );

  it('start a daemon again that failed, for ever, but not one whose configuration is wrong', () => {
    const lines = textOf('systemd/pgwatch.service').split('\n');
    expect(lines).toContain('Restart=on-failure');
    expect(lines).toContain('StartLimitIntervalSec=0');
    expect(lines).toContain(`RestartPreventExitStatus=${EXIT_CODES.usage}`);
  });

  it('give handlers more time to finish than the daemon does', () => {
    const [, seconds] = /^TimeoutStopSec=(\d+)$/m.exec(textOf('systemd/pgwatch.service')) ?? [];
    expect(Number(seconds)).toBeGreaterThan(30);
  });

  it('are right, as systemd says', async (test) => {
    const names = readdirSync(new URL('systemd/', DEPLOY));
    // It looks whether the program is there, which need not be where most have it.
    const texts = names.map((name) => [
      name,
      textOf(`systemd/${name}`).replaceAll('/usr/bin/node', process.execPath),
    ]);
    const folder = await folderWith(Object.fromEntries(texts));
    const units = names.map((name) => join(folder, name));
    await runIfThere(test, 'systemd-analyze', 'verify', ...units);
  });
});

describe('the image', () => {
  const dockerfile = textOf('docker/Dockerfile');

  it('is built in stages, runs as nobody in particular, and is stopped in order', () => {
    const stages = dockerfile.split(/^FROM /m).slice(1);
    expect(stages).toHaveLength(2);
    expect(stages[1]).toMatch(/^USER 1000$/m);
    expect(stages[1]).toMatch(/^STOPSIGNAL SIGTERM$/m);
    expect(stages[1]).toMatch(/^ENTRYPOINT \["node", /m);
  });

  it('holds neither secrets nor what was built elsewhere', () => {
    const left = textOf('docker/.dockerignore').split('\n');
    expect(left).toEqual(expect.arrayContaining(['**/.env*', '**/.npmrc', '**/node_modules']));
  });

  it('serves what its health check asks for, whatever options listen is given', () => {
    const [, port] = /^ENV .*\bPGWATCH_METRICS=0\.0\.0\.0:(\d+)$/m.exec(dockerfile) ?? [];
    expect(dockerfile).toMatch(/^CMD \["listen"\]$/m);
    expect(dockerfile).toContain(`"http://127.0.0.1:${port}/healthz"`);
    expect(dockerfile).toMatch(new RegExp(`^EXPOSE ${port}$`, 'm'));
  });

  const compose: unknown = parse(textOf('docker/compose.yaml'), { merge: true });
  const services = isRecord(compose) && isRecord(compose['services']) ? compose['services'] : {};

  it('is run in the compose file with all that it needs', () => {
    const [password] = valuesOf('POSTGRES_PASSWORD', compose);
    expect(password).toMatch(/POSTGRES_PASSWORD:\?/);
    expect(Object.keys(services)).toEqual([
      'postgres',
      'check',
      'migrate',
      'pgwatch',
      'cleanup',
      'prometheus',
      'grafana',
    ]);
    for (const name of ['check', 'migrate', 'pgwatch', 'cleanup']) {
      expect(services[name]).toMatchObject({
        image: 'my-consumers',
        pull_policy: 'never',
        // Any password: in the URL, some characters would have to be encoded.
        environment: {
          DATABASE_URL: 'postgres://postgres@postgres:5432/postgres',
          PGPASSWORD: password,
        },
        read_only: true,
      });
    }
    expect(valuesOf('build', compose)).toEqual(['.']);
    expect(services['pgwatch']).toMatchObject({ stop_grace_period: '40s' });
    // What is to run for ever comes back by itself.
    for (const name of ['postgres', 'pgwatch', 'cleanup', 'prometheus', 'grafana']) {
      expect(services[name], name).toMatchObject({ restart: 'unless-stopped' });
    }
  });

  it('starts no daemon there whose configuration is wrong, which Docker would start for ever', () => {
    const completed = { condition: 'service_completed_successfully' };
    expect(services['check']).toMatchObject({ command: ['list-consumers'] });
    expect(services['check']).not.toHaveProperty('restart');
    expect(services['migrate']).toMatchObject({ depends_on: { check: completed } });
    expect(services['pgwatch']).toMatchObject({ depends_on: { migrate: completed } });
  });
});
