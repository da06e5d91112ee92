import { basename, extname } from 'node:path';
import { brandOf, CONSUMER_BRAND } from './brand.ts';
import type { Consumer } from './consumer.ts';
import type { ConsumerFile } from './consumer-files.ts';

/** An export of a module that is a consumer, or can be made one. */
export type Candidate = CandidateKind & {
  /** The class, or the export, or for a default export the file. */
  readonly name: string;
  readonly source: ConsumerFile;
};

type CandidateKind =
  | { readonly kind: 'class'; readonly value: ConsumerClass }
  | { readonly kind: 'instance'; readonly value: object }
  | { readonly kind: 'definition'; readonly value: Consumer };

/** A class that extends BaseConsumer, of whichever copy of this package. */
export interface ConsumerClass {
  new (): object;
  readonly name: string;
  readonly consumerId?: unknown;
}

/**
 * What a module exports of consumers, also in arrays: classes that extend BaseConsumer, instances
 * of them, and what defineConsumer returned. A default export comes last, so that what is also
 * exported by name is called by that name; if it is an object, as `module.exports` may be, its
 * properties count as exports.
 */
export function candidatesOf(
  exported: Readonly<Record<string, unknown>>,
  source: ConsumerFile,
): Candidate[] {
  const { default: byDefault, ...named } = exported;
  const baseName = basename(source.file, extname(source.file));
  const defaults: [string, unknown][] = isDictionary(byDefault)
    ? Object.entries(byDefault)
    : [[baseName, byDefault]];
  const candidates: Candidate[] = [];
  const add = (value: unknown, exportName: string) => {
    const kind = kindOf(value);
    if (kind !== undefined) candidates.push({ ...kind, name: nameOf(kind, exportName), source });
  };
  for (const [name, value] of [...Object.entries(named), ...defaults]) {
    if (Array.isArray(value)) value.forEach((item, index) => void add(item, `${name}[${index}]`));
    else add(value, name);
  }
  return candidates;
}

function kindOf(value: unknown): CandidateKind | undefined {
  if (isConsumerClass(value)) return { kind: 'class', value };
  if (isInstance(value)) return { kind: 'instance', value };
  if (isDefinition(value)) return { kind: 'definition', value };
  return undefined;
}

/** BaseConsumer itself has the brand as its own; those that extend it inherit it. */
function isConsumerClass(value: unknown): value is ConsumerClass {
  return (
    typeof value === 'function' &&
    brandOf(value) === 'class' &&
    !Object.hasOwn(value, CONSUMER_BRAND)
  );
}

function isInstance(value: unknown): value is object {
  return brandOf(value) === 'instance';
}

function isDefinition(value: unknown): value is Consumer {
  return brandOf(value) === 'definition';
}

function isDictionary(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || brandOf(value) !== undefined) return false;
  return Object.getPrototypeOf(value) === Object.prototype;
}

function nameOf({ kind, value }: CandidateKind, exportName: string): string {
  if (kind === 'definition') return exportName;
  const { name } = kind === 'class' ? value : value.constructor;
  // An anonymous class that is exported by default is named so by the language.
  return name === '' || name === 'default' ? exportName : name;
}
