import { type ExecFileOptions, execFile } from 'node:child_process';
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

const NODE = 'node';
const NOTHING = 'nothing';
const TABLE = 'command-line';

export const commandLine: Measure = {
  name: 'command-line',
  seconds: { full: 7, quick: 4 },
  repeats: 9,
  tables: [
    {
      name: TABLE,
      title: 'Commands that only tell something',
      unit: 'ms',
      better: 'lower',
      floor: { title: '× node -e 0', of: () => ({ contender: NODE, variant: NOTHING }) },
      note: 'From the start of the process to its end. Node is `node -e 0`, which no program in JavaScript can be quicker than. Warm: the TypeScript compiler finds what it compiled before in its cache; cold: it has none. The files are in the memory of the system either way.',
      targets: [
        { variant: HELP, contender: 'pgwatch', atMost: 150 },
        { variant: `${LIST}, cold`, contender: 'pgwatch', atMost: 700 },
      ],
    },
  ],
  turns: () => [
    command(NODE, NOTHING, ['-e', '0']),
    command('pgwatch', HELP, [PGWATCH, '--help']),
    command('pgwatch', '--version', [PGWATCH, '--version']),
    command('graphile-worker', HELP, [GRAPHILE, '--help']),
    listing('cold'),
    listing('warm'),
  ],
};

function command(contender: string, variant: string, parameters: readonly string[]): Turn {
  return {
    name: `${contender} ${variant}`,
    async run({ signal }, record) {
      record({ table: TABLE, contender, variant, value: await timeOf(parameters, { signal }) });
    },
  };
}

function listing(cache: 'cold' | 'warm'): Turn {
  const variant = `${LIST}, ${cache}`;
  return {
    name: `pgwatch ${variant}`,
    async run(site, record) {
      const folder = await mkdtemp(join(tmpdir(), 'pgwatch-bench-'));
      site.onEnd(() => rm(folder, { recursive: true, force: true }));
      await writeProject(folder);
      // tsx keeps its cache in the temporary folder.
      const env = { ...process.env, TMPDIR: join(folder, 'temporary') };
      const options = { cwd: folder, env, signal: site.signal };
      if (cache === 'warm') await timeOf([PGWATCH, 'list-consumers'], options);
      const value = await timeOf([PGWATCH, 'list-consumers'], options);
      record({ table: TABLE, contender: 'pgwatch', variant, value });
    },
  };
}

async function timeOf(parameters: readonly string[], options: ExecFileOptions): Promise<number> {
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
