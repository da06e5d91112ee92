import { readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { cosmiconfig, defaultLoaders, type Loader } from 'cosmiconfig';
import { shownPath } from '../error-place.ts';
import { PgwatchError } from '../errors.ts';
import { suggest } from '../suggest.ts';
import { importModule } from './load-module.ts';
import { explainLoadFailure, ModuleLoadError } from './module-load-error.ts';

const MODULE_EXTENSIONS = ['.ts', '.mts', '.js', '.mjs', '.cjs'] as const;
const EXTENSIONS: readonly string[] = [...MODULE_EXTENSIONS, '.json', '.yaml', '.yml'];

const SEARCH_PLACES = [...EXTENSIONS.map((end) => `pgwatch.config${end}`), 'package.json'];

/** A configuration file and what it gives, not yet checked. */
export interface FoundConfig {
  /** Absolute. */
  readonly file: string;
  readonly value: unknown;
}

/** A configuration file that was asked for by name, and what asked. */
export interface NamedConfig {
  readonly path: string;
  readonly source: string;
}

/**
 * The configuration file of a folder or the nearest one above it, up to the home directory or the
 * root. In one folder `pgwatch.config.*` comes before the key `pgwatch` of package.json.
 * @throws CONFIG_UNREADABLE, CONFIG_INVALID
 */
export async function searchConfig(folder: string): Promise<FoundConfig | undefined> {
  for (let current = folder; ; current = dirname(current)) {
    const found = await reading(current, () => explorer().search(current));
    if (found !== undefined) return found;
    if (current === homedir() || current === dirname(current)) return undefined;
  }
}

/**
 * The configuration file that a flag or an environment variable names.
 * @throws CONFIG_NOT_FOUND, CONFIG_UNREADABLE, CONFIG_INVALID
 */
export async function readNamedConfig(named: NamedConfig, folder: string): Promise<FoundConfig> {
  const file = resolve(folder, named.path);
  if (!EXTENSIONS.includes(extname(file))) {
    throw new PgwatchError('CONFIG_UNREADABLE', {
      what: `${named.source} names "${named.path}", which is not a configuration file.`,
      why: `Its name must end in ${EXTENSIONS.join(', ')}.${await suggestFile(named, folder)}`,
      hint: 'Name a configuration file, or leave it out to have pgwatch.config.ts searched for.',
    });
  }
  const found = await reading(file, async () => {
    try {
      return await explorer().load(file);
    } catch (cause) {
      throw codeOf(cause) === 'ENOENT' ? await notFound(named, folder, cause) : cause;
    }
  });
  if (found !== undefined) return found;
  throw new PgwatchError('CONFIG_INVALID', {
    what: `${shownPath(file)} has no key "pgwatch".`,
    hint: 'Add the key, or name another file.',
  });
}

/** What a file gives, wrapped: cosmiconfig takes null and undefined for "no such file". */
class Content {
  readonly value: unknown;
  constructor(value: unknown) {
    this.value = value;
  }
}

function explorer() {
  const loadModule = async (file: string) => new Content(await readModule(file));
  return cosmiconfig('pgwatch', {
    searchPlaces: SEARCH_PLACES,
    loaders: Object.fromEntries([
      ...MODULE_EXTENSIONS.map((extension) => [extension, loadModule]),
      ['.json', dataLoader(parseJson)],
      ['.yaml', dataLoader(defaultLoaders['.yaml'])],
      ['.yml', dataLoader(defaultLoaders['.yml'])],
    ]),
    searchStrategy: 'none',
    ignoreEmptySearchPlaces: false,
    cache: false,
  });
}

/** A file with nothing but comments is an empty configuration. Of package.json, a key is taken. */
function dataLoader(parse: Loader): Loader {
  return async (file, text) => {
    const data: unknown = await parse(file, text);
    return basename(file) === 'package.json' ? data : new Content(data ?? {});
  };
}

/** Without the excerpt that Node's message may have: there could be a password in it. */
function parseJson(_file: string, text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const [complaint = '', position] = error.message.split(/ in JSON at position (\d+)/);
    const [what = ''] = complaint.split(/, (?:\.\.\.)?"/);
    throw new SyntaxError(
      `${what}${position === undefined ? '' : placeAt(text, Number(position))}`,
    );
  }
}

function placeAt(text: string, position: number): string {
  const lines = text.slice(0, position).split('\n');
  return ` (${lines.length}:${(lines.at(-1)?.length ?? 0) + 1})`;
}

/** The default export; a function is called, a promise awaited. */
async function readModule(file: string): Promise<unknown> {
  const module = await importModule(file);
  if (!('default' in module)) {
    throw noDefaultExport(file);
  }
  try {
    const exported = module['default'];
    return await (typeof exported === 'function' ? exported() : exported);
  } catch (cause) {
    throw new ModuleLoadError(await explainLoadFailure(file, cause), cause);
  }
}

function isModule(file: string): boolean {
  return MODULE_EXTENSIONS.some((extension) => extension === extname(file));
}

function noDefaultExport(file: string): PgwatchError {
  return new PgwatchError('CONFIG_INVALID', {
    what: `${shownPath(file)} has no default export.`,
    why: 'The configuration is what the file exports by default.',
    hint: 'Write `export default defineConfig({ … })`.',
  });
}

type Found = { filepath: string; config: unknown; isEmpty?: boolean } | null;

async function reading(
  place: string,
  read: () => Promise<Found>,
): Promise<FoundConfig | undefined> {
  try {
    const found = await read();
    if (found === null) return undefined;
    if (found.isEmpty === true) {
      // Of data, nothing is an empty configuration; of code, an export that was forgotten.
      if (isModule(found.filepath)) throw noDefaultExport(found.filepath);
      return { file: found.filepath, value: {} };
    }
    const { config } = found;
    return { file: found.filepath, value: config instanceof Content ? config.value : config };
  } catch (cause) {
    if (cause instanceof PgwatchError) throw cause;
    throw unreadable(place, cause);
  }
}

function unreadable(place: string, cause: unknown): PgwatchError {
  if (cause instanceof ModuleLoadError) {
    return new PgwatchError('CONFIG_UNREADABLE', {
      what: `The configuration cannot be loaded: ${cause.message}`,
      hint: 'Correct the file.',
      cause,
    });
  }
  const file = shownPath(filepathOf(cause) ?? place);
  return new PgwatchError('CONFIG_UNREADABLE', {
    what: `${file} cannot be read: ${firstLine(cause)}`,
    hint: 'Correct the file, or name another one with --config.',
    cause,
  });
}

async function notFound(named: NamedConfig, folder: string, cause: unknown): Promise<PgwatchError> {
  const suggestion = await suggestFile(named, folder);
  return new PgwatchError('CONFIG_NOT_FOUND', {
    what: `${named.source} names "${named.path}", which does not exist in ${folder}.${suggestion}`,
    hint: 'Correct the name, or leave it out to have pgwatch.config.ts searched for.',
    cause,
  });
}

/** A file beside the one that was named and may be a configuration. */
async function suggestFile({ path }: NamedConfig, folder: string): Promise<string> {
  const beside = await readdir(dirname(resolve(folder, path))).catch(() => []);
  const files = beside.filter((file) => EXTENSIONS.includes(extname(file)));
  return suggest(
    path,
    files.map((file) => join(dirname(path), file)),
  );
}

/** cosmiconfig notes the file on whatever its loaders throw. */
function filepathOf(error: unknown): string | undefined {
  const path: unknown = error instanceof Error ? Reflect.get(error, 'filepath') : undefined;
  return typeof path === 'string' ? path : undefined;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error ? Reflect.get(error, 'code') : undefined;
}

/** The YAML parser's message is headed with the path, and an excerpt of the file follows. */
function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const [first = '', second] = message.split('\n');
  return first.startsWith('YAML Error in ') && second !== undefined ? second : first;
}
