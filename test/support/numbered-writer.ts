import pg from 'pg';
import { codeOf } from '../../src/db/sqlstate.ts';
import { pause } from '../../src/lifecycle/pause.ts';
import { query } from './server-probe.ts';

export const WRITER_KEYS = 7;
/** Some two kilobytes that do not compress to nothing. */
const PADDING = `(select string_agg(md5(n::text), '') from generate_series($1::int, $1::int + 60) n)`;
const AFTER_A_FAILURE_MS = 20;

/**
 * Writes notifications with the numbers 1, 2, 3, ..., each in a transaction, whatever becomes of them.
 * Where an answer is lost with the server, only the log tells what was committed.
 */
export class NumberedWriter {
  /** How often each kind of error came: by SQLSTATE, or by Node's code. */
  readonly errors = new Map<string, number>();
  readonly #url: string;
  readonly #channel: string;
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;
  #next = 1;

  constructor(url: string, channel: string) {
    this.#url = url;
    this.#channel = channel;
    this.#ended = this.#run();
  }

  /** What it has not tried yet. */
  get next(): number {
    return this.#next;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#ended;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const client = new pg.Client({ connectionString: this.#url });
      client.on('error', () => {});
      try {
        await client.connect();
        while (!signal.aborted) await this.#write(client);
      } catch (error) {
        this.#note(error);
        await pause(AFTER_A_FAILURE_MS, signal);
      } finally {
        await client.end().catch(() => {});
      }
    }
  }

  async #write(client: pg.Client): Promise<void> {
    const number = this.#next;
    this.#next += 1;
    await client.query(
      `select smart_notify($2, jsonb_build_object('n', $1::int, 'padding', ${PADDING}), $3)`,
      [number, this.#channel, `key ${number % WRITER_KEYS}`],
    );
  }

  #note(error: unknown): void {
    const code = codeOf(error) ?? 'the connection broke';
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
  }
}

/** The numbers that are in the log, in the order of their ids. */
export async function committedNumbers(url: string): Promise<readonly number[]> {
  const numbers = await query(
    url,
    `select (payload->>'n')::int from pgwatch.notification_log where payload ? 'n' order by id`,
  );
  return numbers.map(Number);
}
