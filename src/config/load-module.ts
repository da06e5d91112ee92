import { existsSync, readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { env } from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { guarded } from './loading-guard.ts';
import { explainLoadFailure, ModuleLoadError } from './module-load-error.ts';

const TYPESCRIPT: ReadonlySet<string> = new Set(['.ts', '.mts', '.cts']);

let typescriptReady: Promise<void> | undefined;

/**
 * Imports one of the user's modules: configuration, consumer or migration. JavaScript is imported
 * as Node does it; TypeScript goes through tsx, which is loaded at the first TypeScript file only.
 * A file runs once, however often it is asked for. `export default` and named exports come back as
 * properties, whichever module system the file's package uses.
 *
 * @param file absolute path
 * @throws {ModuleLoadError} when the file is not there, does not parse, throws, or would end the
 *   process (see `guarded`); its `message`
 *   names the file, the line and the original reason, its `cause` is what was thrown
 */
export async function importModule(file: string): Promise<Record<string, unknown>> {
  try {
    if (TYPESCRIPT.has(extname(file))) {
      typescriptReady ??= registerTypeScript(dirname(file));
      await typescriptReady;
    }
    return await guarded(() => load(file));
  } catch (error) {
    throw new ModuleLoadError(await explainLoadFailure(file, error), error);
  }
}

async function load(file: string): Promise<Record<string, unknown>> {
  if (TYPESCRIPT.has(extname(file)) && isCommonJs(file)) {
    return exportsOfRequired(createRequire(import.meta.url)(file));
  }
  return exportsOfImported(await import(pathToFileURL(file).href));
}

/** ES modules compiled to CommonJS carry their exports one level down when imported. */
function exportsOfImported(namespace: Record<string, unknown>): Record<string, unknown> {
  const inner = namespace['default'];
  return isObject(inner) && inner['__esModule'] === true ? inner : namespace;
}

/** `module.exports = x` is `export default x`. */
function exportsOfRequired(required: unknown): Record<string, unknown> {
  if (isObject(required) && required['__esModule'] === true) return required;
  return isObject(required) ? { ...required, default: required } : { default: required };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/**
 * Hooks tsx into `import` and into `require`: a TypeScript file is one or the other, by its
 * package. The tsconfig is the one beside the user's files, not the one of the working directory.
 */
async function registerTypeScript(folder: string): Promise<void> {
  const tsconfig = findUp(folder, 'tsconfig.json');
  const [esm, cjs] = await Promise.all([
    import('tsx/esm/api'),
    import('tsx/cjs/api'),
    // Before the hooks are there: through them, each of its files takes several times as long.
    shareOwnPackage(),
  ]);
  const before = env['TSX_TSCONFIG_PATH'];
  // The CommonJS half reads its tsconfig from the environment only.
  if (tsconfig !== undefined) env['TSX_TSCONFIG_PATH'] = tsconfig;
  try {
    esm.register();
    cjs.register();
  } finally {
    if (before === undefined) delete env['TSX_TSCONFIG_PATH'];
    else env['TSX_TSCONFIG_PATH'] = before;
  }
}

/**
 * Once hooked, `require` compiles ES modules anew, so a CommonJS project that imports pgwatch would
 * get a second copy of its classes, and `instanceof` would fail. It gets ours instead.
 */
async function shareOwnPackage(): Promise<void> {
  // Beside all of the program's files, once it is built.
  const file = fileURLToPath(new URL('./index.js', import.meta.url));
  if (!existsSync(file)) return;
  const module = new Module(file);
  module.filename = file;
  module.exports = await import(pathToFileURL(file).href);
  module.loaded = true;
  createRequire(import.meta.url).cache[file] = module;
}

/** Node's own rule: the extension decides, else `type` in the nearest package.json. */
function isCommonJs(file: string): boolean {
  const extension = extname(file);
  if (extension !== '.ts') return extension === '.cts';
  const manifest = findUp(dirname(file), 'package.json');
  if (manifest === undefined) return true;
  const parsed: unknown = JSON.parse(readFileSync(manifest, 'utf8'));
  return !(isObject(parsed) && parsed['type'] === 'module');
}

function findUp(folder: string, name: string): string | undefined {
  const candidate = join(folder, name);
  if (existsSync(candidate)) return candidate;
  const parent = dirname(folder);
  return parent === folder ? undefined : findUp(parent, name);
}
