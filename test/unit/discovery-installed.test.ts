import { cp, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type CompiledProgram, compileProgram, runNode } from '../support/compiled-program.ts';
import { folderWith, writeFiles } from '../support/temporary-folder.ts';

vi.setConfig({ testTimeout: 60_000 });

let program: CompiledProgram;

beforeAll(async () => {
  program = await compileProgram();
}, 60_000);

afterAll(() => program.remove());

/** A project whose node_modules has pgwatch: the very package that runs, or a copy of it. */
async function projectWith(
  files: Readonly<Record<string, string>>,
  installed: 'same' | 'copy' = 'same',
): Promise<string> {
  const folder = await folderWith(files);
  const target = join(folder, 'node_modules/pgwatch');
  await mkdir(join(folder, 'node_modules'));
  if (installed === 'same') {
    await symlink(program.folder, target);
  } else {
    await mkdir(target);
    await cp(join(program.folder, 'dist'), join(target, 'dist'), { recursive: true });
    await cp(join(program.folder, 'package.json'), join(target, 'package.json'));
    await symlink(join(program.folder, 'node_modules'), join(target, 'node_modules'));
  }
  return folder;
}

async function list(cwd: string, ...parameters: string[]) {
  const { code, stdout, stderr } = await runNode(
    [program.bin, 'list-consumers', '--json', '--log-level', 'warn', ...parameters],
    { cwd },
  );
  const listing: unknown = JSON.parse(stdout);
  return { code, listing, stderr };
}

const ESM = { 'package.json': '{"type":"module"}' };
const COMMONJS = { 'package.json': '{}' };

const TYPESCRIPT = `import { BaseConsumer, defineConsumer, PermanentError, type NotificationHandler } from 'pgwatch';
  enum Level { Low, High }
  export abstract class Base extends BaseConsumer {
    static override channels: string[] = ['orders'];
  }
  export class Orders extends Base {
    static override consumerId = 'orders';
    readonly #level: Level = Level.High;
    async handleNotification(handler: NotificationHandler): Promise<void> {
      if (handler.isInsert()) throw new PermanentError(String(this.#level));
    }
  }
  export const second = defineConsumer({ id: 'second', handle() {} });
  export default class extends BaseConsumer {
    static consumerId = 'nameless';
    handleNotification() {}
  }`;

const OF_TYPESCRIPT = [
  { id: 'nameless', name: 'a', channels: ['data_change'] },
  { id: 'orders', name: 'Orders', channels: ['orders'] },
  { id: 'second', name: 'second', channels: ['data_change'] },
].map((consumer) => ({ ...consumer, app: 'shop', file: 'consumers/shop/a.ts' }));

const MISTAKE = `import { defineConsumer } from 'pgwatch';

export default defineConsumer({ id: '', handle() {} });`;

const OF_MISTAKE = {
  file: 'consumers/mistake.ts',
  app: 'consumers',
  error: {
    code: 'CONSUMER_ID_MISSING',
    message: expect.stringMatching(/^consumers\/mistake\.ts:3:\d+: .* has no consumer id\./),
    hint: expect.stringContaining('defineConsumer({ id:'),
  },
};

describe.each(['same', 'copy'] as const)(
  'with the %s package installed in the project',
  (which) => {
    test.each([
      ['an ES module', ESM],
      ['CommonJS', COMMONJS],
    ])('TypeScript consumers and mistakes are found where it is %s', async (_kind, manifest) => {
      const folder = await projectWith(
        { ...manifest, 'consumers/shop/a.ts': TYPESCRIPT, 'consumers/mistake.ts': MISTAKE },
        which,
      );
      const { code, listing, stderr } = await list(folder);
      expect(stderr).toBe('');
      expect(listing).toStrictEqual({ consumers: OF_TYPESCRIPT, failures: [OF_MISTAKE] });
      expect(code).toBe(1);
    });
  },
);

test('consumers in JavaScript of either kind are found', async () => {
  const folder = await projectWith(
    {
      ...COMMONJS,
      'pgwatch.config.mjs': "export default { consumers: 'consumers/**' };",
      'consumers/a.mjs': `import { defineConsumer } from 'pgwatch';
        export default defineConsumer({ id: 'mjs', handle() {} });`,
      'consumers/b.cjs': `const { BaseConsumer, defineConsumer } = require('pgwatch');
        class InCommonJs extends BaseConsumer {
          static consumerId = 'cjs_class';
          handleNotification() {}
        }
        const made = () => ({ InCommonJs, defined: defineConsumer({ id: 'cjs', handle() {} }) });
        module.exports = made();`,
      'consumers/c.js': `const { defineConsumer } = require('pgwatch');
        module.exports = [defineConsumer({ id: 'js', handle() {} })];`,
      'consumers/d.js': `const { defineConsumer } = require('pgwatch');
        module.exports = defineConsumer({ id: 'alone', handle() {} });`,
    },
    'copy',
  );
  const { code, listing, stderr } = await list(folder);
  expect(stderr).toBe('');
  expect(listing).toMatchObject({
    consumers: [
      { id: 'mjs', name: 'a' },
      { id: 'cjs', name: 'defined' },
      { id: 'cjs_class', name: 'InCommonJs' },
      { id: 'js', name: 'c[0]' },
      { id: 'alone', name: 'd' },
    ],
    failures: [],
  });
  expect(code).toBe(0);
});

test('a module that cannot be loaded hides no other', async () => {
  const folder = await projectWith({
    ...ESM,
    'consumers/good.ts': TYPESCRIPT,
    'consumers/syntax.ts': 'export const x: = 5;',
    'consumers/throws.ts': "export {};\nthrow new Error('boom');",
    'consumers/imports.ts': "import 'no-such-package';",
  });
  const { code, listing } = await list(folder);
  expect(listing).toMatchObject({
    consumers: [{ id: 'nameless' }, { id: 'orders' }, { id: 'second' }],
    failures: [
      {
        file: 'consumers/imports.ts',
        error: { message: expect.stringContaining('no-such-package') },
      },
      { file: 'consumers/syntax.ts', error: { message: expect.stringContaining('syntax.ts:1:') } },
      { file: 'consumers/throws.ts', error: { message: 'consumers/throws.ts:2:7: boom' } },
    ],
  });
  expect(code).toBe(1);
});

test('a module behind a symbolic link is the same module', async () => {
  const folder = await projectWith({ ...ESM, 'consumers/shop/a.ts': TYPESCRIPT });
  await symlink(join(folder, 'consumers/shop'), join(folder, 'consumers/zlink'));
  const { listing } = await list(folder);
  expect(listing).toStrictEqual({ consumers: OF_TYPESCRIPT, failures: [] });
});

test('a consumer written with tsconfig paths and an import of its neighbour is found', async () => {
  const folder = await projectWith({ ...ESM });
  await writeFiles(folder, {
    'tsconfig.json': '{"compilerOptions":{"paths":{"#ids/*":["./ids/*"]}}}',
    'ids/id.ts': "export const ID: string = 'from_paths';",
    'consumers/a.ts': `import { defineConsumer } from 'pgwatch';
      import { ID } from '#ids/id.ts';
      import { channels } from './channels.js';
      export default defineConsumer({ id: ID, channels, handle() {} });`,
    'consumers/channels.ts': "export const channels = ['a'];",
  });
  const { listing, stderr } = await list(folder);
  expect(stderr).toBe('');
  expect(listing).toMatchObject({
    consumers: [{ id: 'from_paths', channels: ['a'] }],
    failures: [],
  });
});
