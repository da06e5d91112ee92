import { basename, dirname, posix, relative, resolve, sep } from 'node:path';
import { glob } from 'tinyglobby';
import { NEVER_CONSUMERS } from '../config/defaults.ts';
import type { ConsumerGlobs } from '../config/resolved-config.ts';

/** A module that may have consumers. */
export interface ConsumerFile {
  /** Relative to the root, with slashes. */
  readonly file: string;
  readonly app: string;
}

const MODULE = /\.[cm]?[jt]s$/;

/** The app of a module that stands in the root itself, below no folder that could name it. */
const ROOT_APP = 'default';

/**
 * The modules that the globs find, sorted. Where several apps or globs find the same one, the first
 * of them has it.
 *
 * Of plain globs, the app is the first folder below a glob's fixed part: of `consumers/**\/*.ts`,
 * `consumers/shop/x.ts` is in the app `shop`. A module with no folder in between, as
 * `consumers/x.ts`, is in the app named as the fixed part's last folder: `consumers`.
 *
 * @param root absolute
 */
export async function findConsumerFiles(
  root: string,
  consumers: ConsumerGlobs,
): Promise<ConsumerFile[]> {
  const appOfFile = new Map<string, string>();
  const add = (file: string, app: string) => {
    if (!appOfFile.has(file)) appOfFile.set(file, app);
  };
  switch (consumers.kind) {
    case 'apps':
      for (const [app, globs] of Object.entries(consumers.apps)) {
        for (const { files } of await expand(root, globs)) for (const file of files) add(file, app);
      }
      break;
    case 'globs':
      for (const { pattern, files } of await expand(root, consumers.globs)) {
        for (const file of files) add(file, appFromPath(root, pattern, file));
      }
      break;
  }
  return [...appOfFile]
    .map(([file, app]) => ({ file, app }))
    .sort((a, b) => (a.file < b.file ? -1 : 1));
}

interface Expansion {
  readonly pattern: string;
  readonly files: readonly string[];
}

/** A glob that starts with `!` takes away from what the others of its list find. */
async function expand(root: string, globs: readonly string[]): Promise<Expansion[]> {
  const isNegative = (pattern: string) => pattern.startsWith('!') && !pattern.startsWith('!(');
  const ignore = [
    ...NEVER_CONSUMERS,
    ...globs.filter(isNegative).map((pattern) => pattern.slice(1)),
  ];
  const expansions: Expansion[] = [];
  for (const pattern of globs.filter((candidate) => !isNegative(candidate))) {
    const found = await glob(pattern, { cwd: root, ignore });
    expansions.push({ pattern, files: found.filter((file) => MODULE.test(file)) });
  }
  return expansions;
}

function appFromPath(root: string, pattern: string, file: string): string {
  const absolute = resolve(root, file);
  const fixed = resolve(root, fixedPart(pattern));
  const base = fixed === absolute ? dirname(fixed) : fixed;
  const [folder = '', ...below] = relative(base, absolute).split(sep);
  if (below.length > 0) return folder;
  return base === resolve(root) ? ROOT_APP : basename(base);
}

/** The folders of a glob before the first with a wildcard in it. */
function fixedPart(pattern: string): string {
  const segments = pattern.split('/');
  const wild = segments.findIndex((segment) => /[*?[{(]/.test(segment));
  const fixed = wild < 0 ? segments : segments.slice(0, wild);
  return posix.isAbsolute(pattern) ? posix.join('/', ...fixed) : posix.join('.', ...fixed);
}
