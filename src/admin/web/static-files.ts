import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Context } from 'hono';
import { packageRoot } from '../../package-root.ts';
import { plain } from './plain.ts';

const require = createRequire(import.meta.url);

const SCRIPT = 'text/javascript; charset=utf-8';
const STYLE = 'text/css; charset=utf-8';

/** All files that browsers get, by their names: our own as they are, and those of packages. */
const FILES: Readonly<Record<string, { readonly type: string; path(): string }>> = {
  'admin.css': { type: STYLE, path: () => ours('admin.css') },
  'admin.js': { type: SCRIPT, path: () => ours('admin.js') },
  'charts.js': { type: SCRIPT, path: () => ours('charts.js') },
  'lazy.js': { type: SCRIPT, path: () => ours('lazy.js') },
  'live.js': { type: SCRIPT, path: () => ours('live.js') },
  'said.js': { type: SCRIPT, path: () => ours('said.js') },
  'selection.js': { type: SCRIPT, path: () => ours('selection.js') },
  'icon.svg': { type: 'image/svg+xml', path: () => ours('icon.svg') },
  'uplot.js': { type: SCRIPT, path: () => ofPackage('uplot/dist/uPlot.esm.js') },
  'uplot.css': { type: STYLE, path: () => ofPackage('uplot/dist/uPlot.min.css') },
  'idiomorph.js': { type: SCRIPT, path: () => ofPackage('idiomorph/dist/idiomorph.esm.js') },
};

const loaded = new Map<string, Buffer>();

export async function serveStaticFile(context: Context): Promise<Response> {
  const name = context.req.param('file') ?? '';
  const file = Object.hasOwn(FILES, name) ? FILES[name] : undefined;
  if (file === undefined) return plain(context, 404, 'There is no such file.');
  const content = loaded.get(name) ?? (await readFile(file.path()));
  loaded.set(name, content);
  context.header('Cache-Control', 'max-age=300');
  context.header('Content-Type', file.type);
  return context.body(new Uint8Array(content));
}

function ours(name: string): string {
  return join(packageRoot(), 'assets/admin', name);
}

function ofPackage(file: string): string {
  return require.resolve(file);
}
