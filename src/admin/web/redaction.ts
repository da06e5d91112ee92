import { isRecord } from '../../is-record.ts';
import { parseJson } from '../../parse-json.ts';
import { stringifyJson } from '../../stringify-json.ts';

/** What stands for a value that is not to be shown. */
const REDACTED = '[redacted]';

/**
 * Keeps values from being shown: of columns by their names, wherever in a payload, and of fields by
 * their paths (`new_data.card.number`; `*` stands for any name; lists are passed through).
 */
export class Redaction {
  readonly #names: ReadonlySet<string>;
  readonly #paths: readonly (readonly string[])[];

  /** @param entries of the configuration's `redact`; one with a dot is a path */
  constructor(entries: readonly string[]) {
    this.#names = new Set(entries.filter((entry) => !entry.includes('.')));
    this.#paths = entries.filter((entry) => entry.includes('.')).map((entry) => entry.split('.'));
  }

  get isEmpty(): boolean {
    return this.#names.size === 0 && this.#paths.length === 0;
  }

  /** A payload's JSON text, masked; what is not JSON is masked as a whole. */
  json(text: string): string {
    if (this.isEmpty) return text;
    try {
      return stringifyJson(this.value(parseJson(text)));
    } catch {
      return JSON.stringify(REDACTED);
    }
  }

  /** A payload, masked; a copy. */
  value(payload: unknown): unknown {
    return this.isEmpty ? payload : this.#masked(payload, []);
  }

  /** Whether the value of the field at this path is masked. */
  hides(path: readonly string[]): boolean {
    const names = path.filter((part) => !/^-?\d+$/.test(part));
    return names.some((_, at) => this.#isNamed(names.slice(0, at + 1)));
  }

  /**
   * Whether to search for this value would tell of what is masked: a field that is, or a whole object
   * or list, whose text includes what is masked in it.
   */
  wouldReveal(path: readonly string[], value: string): boolean {
    if (this.isEmpty) return false;
    return this.hides(path) || /^\s*[[{]/.test(value);
  }

  #masked(value: unknown, path: readonly string[]): unknown {
    if (Array.isArray(value)) return value.map((item) => this.#masked(item, path));
    if (!isRecord(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, field]) => {
        const inner = [...path, name];
        return [name, this.#isNamed(inner) ? REDACTED : this.#masked(field, inner)];
      }),
    );
  }

  #isNamed(path: readonly string[]): boolean {
    const name = path.at(-1);
    if (name !== undefined && this.#names.has(name)) return true;
    return this.#paths.some(
      (entry) =>
        entry.length === path.length &&
        entry.every((part, at) => part === '*' || part === path[at]),
    );
  }
}
