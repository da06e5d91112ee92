import { compactJson } from './json-text.ts';
import { fieldOf, isSameJson, type JsonNode } from './json-tree.ts';
import { visibleStart } from './visible.ts';

/** What an action did to one field of a row. */
export interface FieldChange {
  /** The names that lead to it, parted by dots. */
  readonly field: string;
  /** As JSON; undefined: there was no such field. */
  readonly before: string | undefined;
  readonly after: string | undefined;
  readonly kind: 'added' | 'removed' | 'changed' | 'same';
}

/** More are not compared; a table has 1,600 columns at most. */
const MOST_FIELDS = 2_000;
const DEEPEST = 20;
const LONGEST_NAME = 200;

/**
 * Old and new side by side, field by field, also within objects; undefined: the payload is no captured
 * change. Of what is redacted it is not told either whether it has changed.
 */
export function changesIn(payload: JsonNode): readonly FieldChange[] | undefined {
  const [before, after] = [fieldOf(payload, 'old_data'), fieldOf(payload, 'new_data')];
  if (before?.kind !== 'object' && after?.kind !== 'object') return undefined;
  if (fieldOf(payload, 'table') === undefined) return undefined;
  const [old, fresh] = [flat(before), flat(after)];
  const names = [...new Set([...fresh.keys(), ...old.keys()])].slice(0, MOST_FIELDS);
  return names.map((field) => changeOf(field, old.get(field), fresh.get(field)));
}

function changeOf(
  field: string,
  before: JsonNode | undefined,
  after: JsonNode | undefined,
): FieldChange {
  return {
    field,
    before: before === undefined ? undefined : compactJson(before),
    after: after === undefined ? undefined : compactJson(after),
    kind: kindOf(before, after),
  };
}

function kindOf(before: JsonNode | undefined, after: JsonNode | undefined): FieldChange['kind'] {
  if (before === undefined) return 'added';
  if (after === undefined) return 'removed';
  return isSameJson(before, after) ? 'same' : 'changed';
}

function flat(row: JsonNode | undefined): ReadonlyMap<string, JsonNode> {
  const fields = new Map<string, JsonNode>();
  if (row?.kind === 'object') flatten(row, '', 0, fields);
  return fields;
}

function flatten(node: JsonNode, name: string, depth: number, into: Map<string, JsonNode>): void {
  if (into.size >= MOST_FIELDS) return;
  if (node.kind !== 'object' || node.fields.length === 0 || depth > DEEPEST) {
    into.set(name, node);
    return;
  }
  for (const field of node.fields) {
    const inner = visibleStart(field.name, LONGEST_NAME);
    flatten(field.value, name === '' ? inner : `${name}.${inner}`, depth + 1, into);
  }
}
