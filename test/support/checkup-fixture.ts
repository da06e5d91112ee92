import { afterAll, beforeAll } from 'vitest';
import { findingsText } from '../../src/cli/doctor-report.ts';
import type { Database } from '../../src/db/database.ts';
import type { ThrowawayServer } from '../../src/db/embedded/throwaway-server.ts';
import { install } from '../../src/db/installation.ts';
import { checkUp } from '../../src/observe/checkup/checkup.ts';
import type { CheckupSettings, Finding } from '../../src/observe/checkup/finding.ts';
import { openAt } from './open-database.ts';
import { startOwnServer } from './own-server.ts';

const SETTINGS: CheckupSettings = {
  wake: 'listen',
  preparedStatements: true,
  cleanupDays: 7,
  longTransactionSeconds: 600,
  consumers: undefined,
};

/** A server of the file's own, since some things are wrong with all of a server. */
export class CheckupFixture {
  #server: ThrowawayServer | undefined;
  #db: Database | undefined;

  constructor(settings: Record<string, string> = {}) {
    beforeAll(async () => {
      this.#server = await startOwnServer({ settings });
      this.#db = openAt(this.#server.url);
      await install({
        db: this.#db,
        projectScripts: [],
        target: { kind: 'latest' },
        onChange: () => {},
      });
    });
    afterAll(async () => {
      await this.#db?.close();
      await this.#server?.stop();
    });
  }

  get db(): Database {
    if (this.#db === undefined) throw new Error('No test runs yet.');
    return this.#db;
  }

  async run(text: string, values: readonly unknown[] = []): Promise<Record<string, unknown>[]> {
    return (await this.db.pool.query(text, [...values])).rows;
  }

  async all(settings: Partial<CheckupSettings> = {}): Promise<readonly Finding[]> {
    return checkUp({ db: this.db, settings: { ...SETTINGS, ...settings } }, { quick: false });
  }

  /** What a check found that is not well. */
  async findings(
    check: string,
    settings: Partial<CheckupSettings> = {},
    db: Database = this.db,
  ): Promise<readonly Finding[]> {
    const patient = { db, settings: { ...SETTINGS, ...settings } };
    const all = await checkUp(patient, { quick: check !== 'proof' });
    return all.filter((one) => one.check === check && one.severity !== 'ok');
  }

  /** The only thing that a check found. */
  async finding(...what: Parameters<CheckupFixture['findings']>): Promise<Finding> {
    const [finding, ...others] = await this.findings(...what);
    if (finding === undefined || others.length > 0) {
      throw new Error(`${what[0]} found ${JSON.stringify([finding, ...others])}`);
    }
    return finding;
  }

  /** Runs what is to mend it, each part on its own, as it is printed: that is what one pastes. */
  async mend({ mend = [] }: Finding, db: Database = this.db): Promise<void> {
    for (const one of mend) await db.pool.query(asPrinted(one));
  }
}

function asPrinted(mend: string): string {
  const text = findingsText([{ check: 'any', severity: 'note', what: 'something', mend: [mend] }]);
  return text.slice(text.indexOf('\n') + 1, text.lastIndexOf('\n\n'));
}
