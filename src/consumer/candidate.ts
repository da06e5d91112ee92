import { basename, extname } from 'node:path';
import { brandOf, CONSUMER_BRAND } from './brand.ts';
import type { Consumer } from './consumer.ts';
import type { ConsumerFile } from './consumer-files.ts';
import { classOfLookalike, isLookalike } from './lookalike.ts';

/** An export of a module that is a consumer, can be made one, or was meant to be one. */
export type Candidate = CandidateKind & {
  /** The class, or the export, or for a default export the file. */
  readonly name: string;
  readonly source: ConsumerFile;
};

type CandidateKind =
  | { readonly kind: 'class'; readonly value: ConsumerClass }
  | { readonly kind: 'instance'; readonly value: object }
  | { readonly kind: 'definition'; readonly value: Consumer }
  | { readonly kind: 'lookalike'; readonly value: object };

/** A class that extends BaseConsumer, of whichever copy of this package. */
export interface ConsumerClass {
  new (): object;
  readonly name: string;
  readonly consumerId?: unknown;
}

/**
 * What a module exports of consumers, also in arrays: classes that extend BaseConsumer, instances
 * of them, what defineConsumer returned, and what only looks like one of these, be it the module
 * itself. A default export comes last, so that what is also exported by name is called by that name;
 * if it is an object, as `module.exports` may be, its properties count as exports.
 */
export function candidatesOf(
  exported: Readonly<Record<string, unknown>>,
  source: ConsumerFile,
): Candidate[] {
  const { default: byDefault, ...named } = exported;
  const baseName = basename(source.file, extname(source.file));
  const whole = byDefault ?? (isLookalike(named) ? named : undefined);
  const defaults: [string, unknown][] = isDictionary(whole)
    ? Object.entries(whole)
    : [[baseName, whole]];
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
  if (isLookalike(value)) return { kind: 'lookalike', value };
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
  if (typeof value !== 'object' || value === null) return false;
  if (brandOf(value) !== undefined || isLookalike(value)) return false;
  return Object.getPrototypeOf(value) === Object.prototype;
}

function nameOf(candidate: CandidateKind, exportName: string): string {
  const name = classOf(candidate)?.name ?? '';
  // An anonymous class that is exported by default is named so by the language.
  return name === '' || name === 'default' ? exportName : name;
}

function classOf({ kind, value }: CandidateKind): { readonly name: string } | undefined {
  switch (kind) {
    case 'class':
      return value;
    case 'instance':
      return value.constructor;
    case 'definition':
      return undefined;
    case 'lookalike':
      return classOfLookalike(value);
  }
}
