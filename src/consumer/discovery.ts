import { resolve } from 'node:path';
import { importModule } from '../config/load-module.ts';
import { explainLoadFailure, ModuleLoadError } from '../config/module-load-error.ts';
import type { ConsumerGlobs } from '../config/resolved-config.ts';
import { ERROR_KINDS, PgwatchError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { consumerOf } from './base-consumer.ts';
import { type Candidate, type ConsumerClass, candidatesOf } from './candidate.ts';
import type { Consumer } from './consumer.ts';
import { type ConsumerFile, findConsumerFiles } from './consumer-files.ts';
import { idOfLookalike, lookalikeError } from './lookalike.ts';

export interface DiscoveryOptions {
  /** Absolute: what the globs are relative to. */
  readonly root: string;
  readonly consumers: ConsumerGlobs;
  /** Told, at debug level, of modules without a consumer. */
  readonly logger?: Logger;
}

/** Sorted by app, file and id: the same for the same files. */
export interface Discovery {
  readonly consumers: readonly DiscoveredConsumer[];
  readonly failures: readonly LoadFailure[];
}

export interface DiscoveredConsumer {
  readonly consumer: Consumer;
  readonly app: string;
  /** Relative to the root, with slashes. */
  readonly file: string;
  /** The class, or the export, or for a default export the file's base name. */
  readonly name: string;
}

/** Something of a module that was meant to be a consumer and is none. */
export interface LoadFailure {
  /** Relative to the root, with slashes. */
  readonly file: string;
  readonly app: string;
  /** The apps whose consumers may be missing because of it: more than one if they share an id. */
  readonly apps: readonly string[];
  readonly error: PgwatchError;
}

/**
 * Imports the modules that the globs find and makes consumers of what they export (see
 * `candidatesOf`). What is exported several times counts once, and belongs to a module that is not
 * an index. Whatever goes wrong becomes a failure and hides nothing else; so does what only looks
 * like a consumer.
 *
 * Two consumers with the same id are both left out, as one failure.
 */
export async function discoverConsumers(options: DiscoveryOptions): Promise<Discovery> {
  const files = await findConsumerFiles(options.root, options.consumers);
  const failures: LoadFailure[] = [];
  const candidates = await loadCandidates(options, files, failures);
  const made: DiscoveredConsumer[] = [];
  for (const candidate of candidates) {
    if (candidate.kind === 'lookalike' || isOnlyABase(candidate, candidates)) continue;
    const { source, name } = candidate;
    try {
      made.push({ ...source, consumer: makeConsumer(candidate), name });
    } catch (error) {
      failures.push(await failureOf(options.root, source, error));
    }
  }
  for (const { kind, value, name, source } of candidates) {
    if (kind !== 'lookalike' || isMadeUseOf(value, made)) continue;
    const { file, app } = source;
    failures.push({ file, app, apps: [app], error: lookalikeError(value, name, file) });
  }
  const consumers = leaveOutDuplicates(made, failures);
  return { consumers: consumers.sort(byPlace), failures: failures.sort(byPlace) };
}

/** Index files come last: what they pass on belongs to the module it is from. */
async function loadCandidates(
  { root, logger }: DiscoveryOptions,
  files: readonly ConsumerFile[],
  failures: LoadFailure[],
): Promise<Candidate[]> {
  const isIndex = ({ file }: ConsumerFile) => /(^|\/)index\.\w+$/.test(file);
  const inOrder = [...files.filter((file) => !isIndex(file)), ...files.filter(isIndex)];
  const candidates = new Map<object, Candidate>();
  for (const source of inOrder) {
    try {
      const found = candidatesOf(await importModule(resolve(root, source.file)), source);
      if (found.length === 0) logger?.debug({ file: source.file }, 'module has no consumer');
      for (const candidate of found) {
        if (!candidates.has(candidate.value)) candidates.set(candidate.value, candidate);
      }
    } catch (error) {
      failures.push(await failureOf(root, source, error));
    }
  }
  return [...candidates.values()];
}

/**
 * Whether a class is there for others: it has no id and something exported extends it, or what is
 * exported are instances of it.
 */
function isOnlyABase(candidate: Candidate, candidates: readonly Candidate[]): boolean {
  if (candidate.kind !== 'class') return false;
  const hasNoId = candidate.value.consumerId === undefined;
  return candidates.some(({ kind, value }) => {
    if (kind === 'class') return hasNoId && extendsClass(value, candidate.value);
    if (kind !== 'instance') return false;
    return (
      value.constructor === candidate.value ||
      (hasNoId && extendsClass(value.constructor, candidate.value))
    );
  });
}

function extendsClass(value: object, base: ConsumerClass): boolean {
  return Object.prototype.isPrototypeOf.call(base, value);
}

/** Whether it is what a consumer was made of: exported as well, for its tests for one. */
function isMadeUseOf(lookalike: object, made: readonly DiscoveredConsumer[]): boolean {
  const id = idOfLookalike(lookalike);
  return made.some(({ consumer }) => consumer.id === id);
}

function makeConsumer(candidate: Exclude<Candidate, { kind: 'lookalike' }>): Consumer {
  switch (candidate.kind) {
    case 'definition':
      return candidate.value;
    case 'instance':
      return consumerOf(candidate.value);
    case 'class':
      return consumerOf(new candidate.value());
  }
}

const LOAD_HINT =
  'Correct the module, or leave it out with a glob in `consumers` that starts with "!".';

/** Keeps the code and the hint of an error of our own, and says where it comes from. */
async function failureOf(
  root: string,
  { file, app }: ConsumerFile,
  thrown: unknown,
): Promise<LoadFailure> {
  const isLoading = thrown instanceof ModuleLoadError;
  const cause = isLoading ? thrown.cause : thrown;
  const what = isLoading ? thrown.message : await explainLoadFailure(resolve(root, file), thrown);
  const error = isOwnError(cause)
    ? new PgwatchError(cause.code, {
        what,
        cause,
        ...(cause.hint === undefined ? {} : { hint: cause.hint }),
      })
    : new PgwatchError('CONSUMER_LOAD_FAILED', { what, cause, hint: LOAD_HINT });
  return { file, app, apps: [app], error };
}

/** Not by `instanceof`: the module may have imported another copy of this package. */
function isOwnError(error: unknown): error is PgwatchError {
  return (
    error instanceof Error &&
    error.name === 'PgwatchError' &&
    'code' in error &&
    Object.hasOwn(ERROR_KINDS, String(error.code))
  );
}

/** Two consumers with one id would share one cursor, and each would miss what the other had. */
function leaveOutDuplicates(
  made: readonly DiscoveredConsumer[],
  failures: LoadFailure[],
): DiscoveredConsumer[] {
  const byId = new Map<string, DiscoveredConsumer[]>();
  for (const one of made) {
    byId.set(one.consumer.id, [...(byId.get(one.consumer.id) ?? []), one]);
  }
  const unique: DiscoveredConsumer[] = [];
  for (const [id, [first, ...others]] of byId) {
    if (first === undefined) continue;
    const last = others.at(-1);
    if (last === undefined) {
      unique.push(first);
      continue;
    }
    const places = [first, ...others].map(({ name, file }) => `${name} in ${file}`);
    const error = new PgwatchError('CONSUMER_DUPLICATE', {
      what: `${places.length} consumers have the id "${id}": ${places.join(', ')}.`,
      why: 'They would share one cursor, and each would miss what the other has handled.',
      hint: 'Give each its own id; a class that extends another consumer inherits its id.',
    });
    const apps = [...new Set([first, ...others].map(({ app }) => app))];
    failures.push({ file: last.file, app: last.app, apps, error });
  }
  return unique;
}

interface Placed {
  readonly app: string;
  readonly file: string;
  readonly consumer?: Consumer;
}

function byPlace(a: Placed, b: Placed): number {
  return (
    compare(a.app, b.app) || compare(a.file, b.file) || compare(a.consumer?.id, b.consumer?.id)
  );
}

function compare(a = '', b = ''): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
