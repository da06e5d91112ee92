import pg from 'pg';
import { within } from './deadline.ts';

/** A database of its own for one turn. */
export interface Site {
  readonly url: string;
  readonly client: pg.Client;
  /** Aborted when the turn is over, or given up. */
  readonly signal: AbortSignal;
  /** Another connection, ended with the turn. */
  connect(): Promise<pg.Client>;
  /** Whatever a turn has started, to be ended with it; the last first. */
  onEnd(end: () => Promise<unknown>): void;
}

/** What many databases begin with: made once in a run, then copied. */
export interface Template {
  /** The same name, the same content. */
  readonly name: string;
  readonly from?: Template;
  prepare(site: Site): Promise<void>;
  /** What is to be done in each copy. */
  settle?(copy: Site): Promise<void>;
}

/** To fill a log of millions takes this long on a slow disk. */
const PREPARE_MS = 900_000;
/** A process that does not end is killed before. */
const END_MS = 20_000;

/** The databases of a run. */
export class Sites {
  readonly #serverUrl: string;
  readonly #templates = new Map<string, Promise<string>>();
  #made = 0;

  constructor(serverUrl: string) {
    this.#serverUrl = serverUrl;
  }

  /**
   * Creates a database, lets a turn use it, and drops it.
   *
   * @throws DeadlineError when the turn is not over in time; its processes are ended then
   */
  async use(
    template: Template | undefined,
    deadlineMs: number,
    run: (site: Site) => Promise<void>,
  ): Promise<void> {
    const name = await this.#create(template);
    try {
      await this.#at(name, deadlineMs, async (site) => {
        await template?.settle?.(site);
        await run(site);
      });
    } finally {
      // The next turn should not pay for what this one has left to be written.
      await this.#asAdmin(`drop database ${name} with (force)`, 'checkpoint');
    }
  }

  async #create(template: Template | undefined): Promise<string> {
    const source = template === undefined ? 'template1' : await this.#databaseOf(template);
    this.#made += 1;
    const name = `bench_${process.pid}_${this.#made}`;
    await this.#asAdmin(`create database ${name} template ${source} strategy file_copy`);
    return name;
  }

  /** What could not be made once is not tried again: each turn that wants it fails for its reason. */
  #databaseOf(template: Template): Promise<string> {
    const known = this.#templates.get(template.name);
    if (known !== undefined) return known;
    const making = this.#make(template);
    this.#templates.set(template.name, making);
    return making;
  }

  async #make(template: Template): Promise<string> {
    const name = await this.#create(template.from);
    await this.#at(name, PREPARE_MS, async (site) => {
      await template.from?.settle?.(site);
      await template.prepare(site);
    });
    return name;
  }

  async #at(name: string, deadlineMs: number, run: (site: Site) => Promise<void>): Promise<void> {
    const url = new URL(this.#serverUrl);
    url.pathname = `/${name}`;
    const ending = new AbortController();
    const ends: (() => Promise<unknown>)[] = [];
    const onEnd = (end: () => Promise<unknown>) => {
      ends.unshift(end);
      // Started by a turn that was given up before.
      if (ending.signal.aborted) void settle(end);
    };
    const connect = async () => {
      const client = newClient(url.href);
      onEnd(() => client.end());
      await client.connect();
      return client;
    };
    try {
      const client = await connect();
      const site = { url: url.href, client, signal: ending.signal, connect, onEnd };
      await within(deadlineMs, run(site));
    } finally {
      ending.abort();
      for (const end of ends) await settle(end);
    }
  }

  async #asAdmin(...statements: readonly string[]): Promise<void> {
    const admin = newClient(this.#serverUrl);
    await admin.connect();
    try {
      for (const statement of statements) await admin.query(statement);
    } finally {
      await admin.end();
    }
  }
}

/** Its loss is told by what it is asked next: an event that nobody heeds would end the program. */
function newClient(connectionString: string): pg.Client {
  const client = new pg.Client({ connectionString });
  client.on('error', () => {});
  return client;
}

/** A connection that was cut off, a process that had to be killed: neither is a figure. */
async function settle(end: () => Promise<unknown>): Promise<void> {
  await within(END_MS, end()).catch(() => {});
}
