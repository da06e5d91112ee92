/** What stands for a value that is not to be shown. */
export const REDACTED = '[redacted]';

/** More in one path are not thought through. */
const MOST_INDEXES = 8;

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

  /** How many names at the end of a path decide: one more than the longest that is configured has. */
  get decidingNames(): number {
    return 1 + Math.max(1, ...this.#paths.map(({ length }) => length));
  }

  get isEmpty(): boolean {
    return this.#names.size === 0 && this.#paths.length === 0;
  }

  /** Whether the value at this path is masked; a number in it is a place in a list, or a field's name. */
  hides(path: readonly string[]): boolean {
    if (path.filter(isIndex).length > MOST_INDEXES) return !this.isEmpty;
    return path.some((_, at) =>
      withoutLists(path.slice(0, at + 1)).some((names) => this.hidesField(names)),
    );
  }

  /** Whether the field at this path is named; lists that it leads through are left out of it. */
  hidesField(path: readonly string[]): boolean {
    const name = path.at(-1);
    if (name !== undefined && this.#names.has(name)) return true;
    return this.#paths.some(
      (entry) =>
        entry.length === path.length &&
        entry.every((part, at) => part === '*' || part === path[at]),
    );
  }

  /**
   * Whether to search for this value would tell of what is masked: a field that is, or a whole object
   * or list, whose text includes what is masked in it.
   */
  wouldReveal(path: readonly string[], value: string): boolean {
    if (this.isEmpty) return false;
    return this.hides(path) || /^\s*[[{]/.test(value);
  }
}

function isIndex(part: string): boolean {
  // As PostgreSQL reads it.
  return /^\s*[-+]?\d+$/.test(part);
}

/** All that a path may mean: each number in it is a place in a list, which has no name, or a name. */
function withoutLists(path: readonly string[]): string[][] {
  return path.reduce<string[][]>(
    (all, part) => [...all.map((names) => [...names, part]), ...(isIndex(part) ? all : [])],
    [[]],
  );
}
