import { messageOf } from '../error-fields.ts';
import { PgwatchError } from '../errors.ts';
import { serverUrls } from '../server-urls.ts';

/** The servers that a database URL names. One of them is the primary: the last that was found so. */
export class Servers {
  readonly #urls: readonly string[];
  #next = 0;

  constructor(url: string) {
    this.#urls = serverUrls(url);
  }

  /** The one to connect to now. */
  get next(): string {
    return this.#urls[this.#next] ?? '';
  }

  /** That one cannot be reached, or is no primary: the one after it is tried next. */
  passOver(url: string): void {
    if (url === this.next) this.#next = (this.#next + 1) % this.#urls.length;
  }

  /**
   * Tries one server after the other until one works.
   * @throws DATABASE_STANDBY when one of them may yet be promoted; else what the server said, or for
   *   several a ServersError
   */
  async inTurn<T>(task: () => Promise<T>): Promise<T> {
    const failures: ServerFailure[] = [];
    for (const _ of this.#urls) {
      const tried = this.next;
      try {
        return await task();
      } catch (error) {
        failures.push({ host: hostOf(tried), error });
        if (this.next === tried) break;
      }
    }
    const [first, ...others] = failures;
    const standby = failures.find(({ error }) => isStandby(error));
    if (standby !== undefined) throw standby.error;
    throw others.length === 0 ? first?.error : new ServersError(failures);
  }
}

interface ServerFailure {
  readonly host: string;
  readonly error: unknown;
}

/** What each of several servers said, in their order. */
export class ServersError extends AggregateError {
  override readonly name = 'ServersError';

  constructor(failures: readonly ServerFailure[]) {
    const texts = failures.map(({ host, error }) => {
      return `${host}: ${error instanceof Error ? messageOf(error) : String(error)}`;
    });
    super(
      failures.map(({ error }) => error),
      texts.join('; '),
    );
  }
}

function hostOf(url: string): string {
  return /^[a-z]+:\/\/(?:[^/?#]*@)?([^/?#]*)/i.exec(url)?.[1] ?? '';
}

/** Whether there is a server that will do as soon as it is promoted. */
export function isStandby(error: unknown): boolean {
  return error instanceof PgwatchError && error.code === 'DATABASE_STANDBY';
}
