import type { Redaction } from './redaction.ts';

/** What a JSON text holds, as it is written there: no number is rounded. */
export type JsonNode = JsonObject | JsonList | JsonScalar | JsonRedacted;

export interface JsonObject {
  readonly kind: 'object';
  readonly fields: JsonField[];
}

export interface JsonField {
  readonly name: string;
  readonly value: JsonNode;
}

interface JsonList {
  readonly kind: 'list';
  readonly items: JsonNode[];
}

export interface JsonScalar {
  readonly kind: 'scalar';
  /** As in the text, with quotes and escapes. */
  readonly literal: string;
}

/** In the place of what is not to be shown, whatever it is. */
interface JsonRedacted {
  readonly kind: 'redacted';
}

interface Frame {
  readonly node: JsonObject | JsonList;
  /** The names that lead to it, lists left out, as `redact` has them. */
  readonly path: readonly string[];
  /** Of the field whose value comes next. */
  name: string | undefined;
}

/**
 * Reads JSON as PostgreSQL writes it. Of a text that was cut off, all that stands there; and what is
 * redacted stays so, wherever the cut is. Without recursion: payloads may be nested deeply.
 */
export function parseJsonTree(text: string, redaction: Redaction): JsonNode {
  const deciding = redaction.decidingNames;
  const root: JsonList = { kind: 'list', items: [] };
  const frames: Frame[] = [{ node: root, path: [], name: undefined }];
  for (let at = 0; at < text.length; ) {
    const top = frames.at(-1);
    if (top === undefined) break;
    const character = text.charAt(at);
    if (/[\s,:]/.test(character)) {
      at += 1;
    } else if (character === '{' || character === '[') {
      const node: Frame['node'] =
        character === '{' ? { kind: 'object', fields: [] } : { kind: 'list', items: [] };
      // No longer than what decides: the paths of what is nested deeply would fill the memory.
      const path = top.name === undefined ? top.path : [...top.path, top.name].slice(-deciding);
      attach(top, node, redaction);
      frames.push({ node, path, name: undefined });
      at += 1;
    } else if (character === '}' || character === ']') {
      frames.pop();
      at += 1;
    } else {
      const end = character === '"' ? endOfString(text, at) : endOfWord(text, at);
      const literal = text.slice(at, end);
      at = end;
      if (top.node.kind === 'object' && top.name === undefined) {
        const name = nameOf(literal);
        if (name === undefined) break;
        top.name = name;
      } else {
        attach(top, { kind: 'scalar', literal }, redaction);
      }
    }
  }
  return root.items[0] ?? { kind: 'scalar', literal: text };
}

/** The field of this name, if the node is an object that has it. */
export function fieldOf(node: JsonNode | undefined, name: string): JsonNode | undefined {
  if (node?.kind !== 'object') return undefined;
  return node.fields.find((field) => field.name === name)?.value;
}

/** The same without what a field of it holds. */
export function withoutField(node: JsonNode, name: string): JsonNode {
  if (node.kind !== 'object') return node;
  const fields = node.fields.map(
    (field): JsonField => (field.name === name ? { name, value: { kind: 'redacted' } } : field),
  );
  return { kind: 'object', fields };
}

/** Whether two are the same as PostgreSQL writes them; redacted ones always are. */
export function isSameJson(one: JsonNode, other: JsonNode): boolean {
  const pairs: (readonly [JsonNode | undefined, JsonNode | undefined])[] = [[one, other]];
  for (let pair = pairs.pop(); pair !== undefined; pair = pairs.pop()) {
    const [a, b] = pair;
    if (a?.kind === 'object' && b?.kind === 'object') {
      if (a.fields.length !== b.fields.length) return false;
      for (const [at, { name, value }] of a.fields.entries()) {
        const field = b.fields[at];
        if (field?.name !== name) return false;
        pairs.push([value, field.value]);
      }
    } else if (a?.kind === 'list' && b?.kind === 'list') {
      if (a.items.length !== b.items.length) return false;
      for (const [at, item] of a.items.entries()) pairs.push([item, b.items[at]]);
    } else if (a?.kind === 'scalar' && b?.kind === 'scalar') {
      if (a.literal !== b.literal) return false;
    } else if (a?.kind !== 'redacted' || b?.kind !== 'redacted') {
      return false;
    }
  }
  return true;
}

function attach(frame: Frame, value: JsonNode, redaction: Redaction): void {
  const { node, path, name } = frame;
  frame.name = undefined;
  if (node.kind === 'list') {
    node.items.push(value);
    return;
  }
  if (name === undefined) return;
  const isHidden = redaction.hidesField([...path, name]);
  // What is hidden is read on, but belongs to nothing.
  node.fields.push({ name, value: isHidden ? { kind: 'redacted' } : value });
}

/** @returns undefined: it was cut off */
function nameOf(literal: string): string | undefined {
  try {
    return String(JSON.parse(literal));
  } catch {
    return undefined;
  }
}

/** Behind the closing quote, or the end of a text that was cut off. */
function endOfString(text: string, quote: number): number {
  for (let end = text.indexOf('"', quote + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslash = end;
    while (text[backslash - 1] === '\\') backslash -= 1;
    if ((end - backslash) % 2 === 0) return end + 1;
  }
  return text.length;
}

function endOfWord(text: string, begin: number): number {
  let end = begin + 1;
  while (end < text.length && !/[\s,:{}[\]"]/.test(text.charAt(end))) end += 1;
  return end;
}
