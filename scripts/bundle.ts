import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import manifest from '../package.json' with { type: 'json' };

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const DIST = join(ROOT, 'dist');

/** Packages that become part of our own files; the other dependencies stay imports. */
const BUNDLED: readonly string[] = ['kysely'];

/** What is started or imported by name. What these import lazily gets files of its own. */
const ENTRIES = {
  pgwatch: 'bin/pgwatch.ts',
  index: 'src/index.ts',
  supervisor: 'src/db/embedded/supervisor.ts',
};

/**
 * Writes the program as JavaScript: few files, because Node takes as long to find a small one as to
 * compile a large one. What several entries need stands in a chunk that they share, so nothing is
 * loaded twice. All lie in one folder: `import.meta.url` may be that of any of them.
 */
export async function bundle(
  folder: string,
  entries: Readonly<Record<string, string>> = ENTRIES,
): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: entries,
    // Wherever it is written to, its maps name the sources as from there.
    outdir: DIST,
    write: false,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    external: Object.keys(manifest.dependencies).filter((name) => !BUNDLED.includes(name)),
    // For src/own-stack.ts, which needs no texts.
    sourcemap: true,
    sourcesContent: false,
    logLevel: 'warning',
  });
  await mkdir(folder, { recursive: true });
  for (const { path, contents } of outputFiles) {
    await writeFile(join(folder, relative(DIST, path)), contents);
  }
  await writeFile(join(folder, 'LICENSES.txt'), await licences());
}

/** Who has written what is bundled, and under what terms it may be passed on. */
async function licences(): Promise<string> {
  const texts = BUNDLED.map(async (name) => {
    const text = await readFile(join(ROOT, 'node_modules', name, 'LICENSE'), 'utf8');
    return `The files beside this one contain parts of ${name}:\n\n${text}`;
  });
  return (await Promise.all(texts)).join('\n');
}
