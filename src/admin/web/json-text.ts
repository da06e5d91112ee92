import type { JsonNode } from './json-tree.ts';
import { REDACTED } from './redaction.ts';
import { visible, visibleStart } from './visible.ts';

/** What one string or name is cut to. */
const LONGEST = 2_000;
/** What is nested more deeply is left out. */
const DEEPEST = 60;

/** On one line, cut where it becomes long. */
export function compactJson(node: JsonNode): string {
  const text = compact(node, 0);
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}…`;
}

/** Indented; `isCut`: there are more lines. */
export function indentedJson(
  node: JsonNode,
  maxLines: number,
): { readonly text: string; readonly isCut: boolean } {
  const lines: string[] = [];
  for (const line of indented(node, '', '', 0)) {
    if (lines.length >= maxLines) return { text: lines.join('\n'), isCut: true };
    lines.push(line);
  }
  return { text: lines.join('\n'), isCut: false };
}

/** @param end what stands behind it: a comma, or nothing */
function* indented(node: JsonNode, begin: string, end: string, depth: number): Generator<string> {
  const indent = '  '.repeat(depth);
  if (!isOpen(node, depth)) {
    yield `${indent}${begin}${compact(node, depth)}${end}`;
    return;
  }
  const [open, close] = node.kind === 'object' ? '{}' : '[]';
  const parts: [string, JsonNode][] =
    node.kind === 'object'
      ? node.fields.map(({ name, value }) => [`${shownName(name)}: `, value])
      : node.items.map((item) => ['', item]);
  yield `${indent}${begin}${open}`;
  for (const [at, [name, part]] of parts.entries()) {
    yield* indented(part, name, at === parts.length - 1 ? '' : ',', depth + 1);
  }
  yield `${indent}${close}${end}`;
}

type Open = Extract<JsonNode, { kind: 'object' | 'list' }>;

/** Whether it is shown over several lines. */
function isOpen(node: JsonNode, depth: number): node is Open {
  if (depth >= DEEPEST) return false;
  return node.kind === 'object'
    ? node.fields.length > 0
    : node.kind === 'list' && node.items.length > 0;
}

function compact(node: JsonNode, depth: number): string {
  switch (node.kind) {
    case 'scalar':
      return visibleStart(node.literal, LONGEST);
    case 'redacted':
      return REDACTED;
    case 'object': {
      if (depth > DEEPEST) return '{…}';
      const fields = node.fields.slice(0, LONGEST);
      return `{${fields.map(({ name, value }) => `${shownName(name)}: ${compact(value, depth + 1)}`).join(', ')}}`;
    }
    case 'list': {
      if (depth > DEEPEST) return '[…]';
      const items = node.items.slice(0, LONGEST);
      return `[${items.map((item) => compact(item, depth + 1)).join(', ')}]`;
    }
  }
}

function shownName(name: string): string {
  return visible(JSON.stringify(name.slice(0, LONGEST)));
}
