import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Measure, Turn } from '../harness/measure.ts';
import { clock } from '../harness/worker.ts';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
const PGWATCH = join(REPOSITORY, 'bin/pgwatch.mjs');
const GRAPHILE = join(REPOSITORY, 'bench/node_modules/graphile-worker/dist/cli.js');

const HELP = '--help';
const FILES = 50;
const LIST = `list-consumers, ${FILES} TypeScript files`;

export const commandLine: Measure = {
  name: 'command-line',
  title: 'Commands that only tell something',
  unit: 'ms',
  better: 'lower',
  repeats: 9,
  note: 'From the start of the process to its end. Node is `node -e 0`, which no program in JavaScript can be quicker than. Warm: the TypeScript compiler finds what it compiled before in its cache; cold: it has none. The files are in the memory of the system either way.',
  turns: () => [
    command('node', 'nothing', ['-e', '0']),
    command('pgwatch', HELP, [PGWATCH, '--help']),
    command('pgwatch', '--version', [PGWATCH, '--version']),
    command('graphile-worker', HELP, [GRAPHILE, '--help']),
    listing('cold'),
    listing('warm'),
  ],
  targets: [
    { variant: HELP, contender: 'pgwatch', atMost: 150 },
    { variant: `${LIST}, cold`, contender: 'pgwatch', atMost: 700 },
  ],
};

function command(contender: string, variant: string, parameters: readonly string[]): Turn {
  return {
    name: `${contender} ${variant}`,
    run: async () => [{ contender, variant, value: await timeOf(parameters) }],
  };
}

function listing(cache: 'cold' | 'warm'): Turn {
  return {
    name: `pgwatch ${LIST}, ${cache}`,
    async run(site) {
      const folder = await mkdtemp(join(tmpdir(), 'pgwatch-bench-'));
      site.onEnd(() => rm(folder, { recursive: true, force: true }));
      await writeProject(folder);
      // tsx keeps its cache in the temporary folder.
      const options = { cwd: folder, env: { ...process.env, TMPDIR: join(folder, 'temporary') } };
      if (cache === 'warm') await timeOf([PGWATCH, 'list-consumers'], options);
      const value = await timeOf([PGWATCH, 'list-consumers'], options);
      return [{ contender: 'pgwatch', variant: `${LIST}, ${cache}`, value }];
    },
  };
}

async function timeOf(
  parameters: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<number> {
  const startedAt = clock();
  await promisify(execFile)(process.execPath, parameters, options);
  return clock() - startedAt;
}

async function writeProject(folder: string): Promise<void> {
  for (const name of ['node_modules', 'consumers', 'temporary']) await mkdir(join(folder, name));
  await symlink(REPOSITORY, join(folder, 'node_modules/pgwatch'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  await writeFile(
    join(folder, 'pgwatch.config.ts'),
    `import { defineConfig } from 'pgwatch';
     export default defineConfig({ consumers: 'consumers/*.ts' });`,
  );
  for (let number = 1; number <= FILES; number += 1) {
    await writeFile(
      join(folder, `consumers/consumer-${number}.ts`),
      `import { defineConsumer } from 'pgwatch';

       interface Customer { readonly id: number; readonly name: string }

       export const consumer${number} = defineConsumer({
         id: 'consumer_${number}',
         channels: ['data_change'],
         handle(notification) {
           const customer: Customer = JSON.parse(notification.json).new_data;
           if (customer.id < 0) throw new Error(\`\${customer.name} has no id.\`);
         },
       });`,
    );
  }
}
