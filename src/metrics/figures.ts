import { within } from '../abandonable.ts';
import type { Database } from '../db/database.ts';
import { type ConsumerStatus, readConsumers } from '../observe/consumer-status.ts';
import { type LogSize, readLogSize } from '../observe/log-status.ts';
import { findOldestWriter, type OldestWriter } from '../observe/oldest-writer.ts';
import { reading } from '../observe/reading.ts';

/** What only the database knows, at one moment. */
export interface Figures {
  readonly consumers: readonly ConsumerStatus[];
  readonly log: LogSize;
  readonly oldestWriter: OldestWriter | undefined;
  /** How long it took to read them. */
  readonly seconds: number;
}

/** However often somebody asks. */
const EVERY_MS = 5_000;
/** Prometheus waits for 10 s by default. */
const WITHIN_MS = 5_000;

/** Reads the figures, for all who ask together, and not too often. */
export class FiguresReader {
  readonly #db: Pick<Database, 'pool' | 'names'>;
  readonly #onError: (error: unknown) => void;
  #reading: Promise<Figures | undefined> | undefined;
  #last: { readonly at: number; readonly figures: Figures | undefined } | undefined;
  #failures = 0;

  constructor(db: Pick<Database, 'pool' | 'names'>, onError: (error: unknown) => void) {
    this.#db = db;
    this.#onError = onError;
  }

  /** How often they could not be read. */
  get failures(): number {
    return this.#failures;
  }

  /** At most 5 s old. Undefined: the database gives no answer, or none within 5 s. Never rejects. */
  async latest(): Promise<Figures | undefined> {
    if (this.#last !== undefined && performance.now() - this.#last.at < EVERY_MS) {
      return this.#last.figures;
    }
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    // What takes longer goes on, and nobody begins another one beside it.
    return within(this.#reading, WITHIN_MS).catch((error: unknown) => this.#fail(error));
  }

  async #read(): Promise<Figures | undefined> {
    const figures = await readFigures(this.#db).catch((error: unknown) => this.#fail(error));
    this.#last = { at: performance.now(), figures };
    return figures;
  }

  #fail(error: unknown): undefined {
    this.#failures += 1;
    this.#onError(error);
  }
}

async function readFigures({ pool, names }: Pick<Database, 'pool' | 'names'>): Promise<Figures> {
  const begun = performance.now();
  return reading(
    pool,
    async (db) => {
      const consumers = await readConsumers(db, names);
      const log = await readLogSize(db, names);
      const oldestWriter = await findOldestWriter(db);
      return { consumers, log, oldestWriter, seconds: (performance.now() - begun) / 1000 };
    },
    { statementTimeoutMs: WITHIN_MS },
  );
}
