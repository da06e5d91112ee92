import { expect, test } from 'vitest';
import { findConsumerFiles } from '../../src/consumer/consumer-files.ts';
import { folderWith } from '../support/temporary-folder.ts';

/** As `file app`. */
async function find(
  files: readonly string[],
  globs: readonly string[] | Record<string, readonly string[]>,
): Promise<string[]> {
  const root = await folderWith(Object.fromEntries(files.map((file) => [`root/${file}`, ''])));
  const found = await findConsumerFiles(
    `${root}/root`,
    isList(globs) ? { kind: 'globs', globs } : { kind: 'apps', apps: globs },
  );
  return found.map(({ file, app }) => `${file} ${app}`);
}

function isList(globs: unknown): globs is readonly string[] {
  return Array.isArray(globs);
}

test.each<[string, string[], string[]]>([
  [
    'the app is the first folder below the fixed part',
    ['consumers/**/*.ts'],
    ['consumers/b/c/d.ts b', 'consumers/shop/x.ts shop', 'consumers/y.ts consumers'],
  ],
  ['a wildcard may stand for the app', ['*/y.ts'], ['consumers/y.ts consumers']],
  ['and so may alternatives', ['consumers/{shop,b}/*.ts'], ['consumers/shop/x.ts shop']],
  [
    'with a deeper fixed part it is its last folder',
    ['./consumers/shop/*.ts'],
    ['consumers/shop/x.ts shop'],
  ],
  [
    'a file that is named is in the app of its folder',
    ['consumers/shop/x.ts'],
    ['consumers/shop/x.ts shop'],
  ],
  ['a folder that is named stands for all in it', ['consumers/b'], ['consumers/b/c/d.ts c']],
  ['at the root there is no folder to name it', ['*.ts'], ['z.ts default']],
  ['the folder may be outside', ['../lib/*/*.ts'], ['../lib/mail/m.ts mail']],
  ['nothing found is no error', ['nowhere/**/*.ts'], []],
])('%s: %j', async (_rule, globs, expected) => {
  const files = [
    'consumers/y.ts',
    'consumers/shop/x.ts',
    'consumers/b/c/d.ts',
    'z.ts',
    '../lib/mail/m.ts',
  ];
  expect(await find(files, globs)).toStrictEqual(expected);
});

test('only modules are taken; no declarations, no tests, no dependencies', async () => {
  const files = [
    'c/a.ts',
    'c/b.mts',
    'c/c.cts',
    'c/d.js',
    'c/e.mjs',
    'c/f.cjs',
    'c/README.md',
    'c/data.json',
    'c/types.d.ts',
    'c/a.test.ts',
    'c/a.spec.js',
    'c/node_modules/x/index.js',
    'c/.hidden/x.ts',
  ];
  expect(await find(files, ['c/**'])).toStrictEqual(
    ['a.ts', 'b.mts', 'c.cts', 'd.js', 'e.mjs', 'f.cjs'].map((file) => `c/${file} c`),
  );
});

test('a glob that starts with ! takes away', async () => {
  const files = ['c/a.ts', 'c/old/b.ts', 'd/old/e.ts'];
  expect(await find(files, ['c/**/*.ts', 'd/**/*.ts', '!**/old/**'])).toStrictEqual(['c/a.ts c']);
});

test('apps are named by the configuration, and the first that finds a module has it', async () => {
  const files = ['c/shop/a.ts', 'c/shop/b.ts', 'c/c.ts', 'd/d.ts'];
  expect(
    await find(files, { shop: ['c/shop/a.ts'], 'the rest': ['c/**/*.ts', 'd/*.ts', '!c/c.ts'] }),
  ).toStrictEqual(['c/shop/a.ts shop', 'c/shop/b.ts the rest', 'd/d.ts the rest']);
});

test('folders with brackets in their names are no wildcards once escaped', async () => {
  expect(await find(['c/[a]/x.ts'], ['c/\\[a\\]/*.ts'])).toStrictEqual(['c/[a]/x.ts [a]']);
});
