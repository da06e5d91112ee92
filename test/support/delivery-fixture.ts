import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { DeliveryEvent } from '../../src/delivery/events.ts';
import type { ListenerEvent } from '../../src/wake/listener.ts';
import { createInstalledDatabase, type InstalledDatabase } from './installed-database.ts';
import { type RunningDaemon, startDaemon } from './running-daemon.ts';

type Event = DeliveryEvent | ListenerEvent;
type EventOf<T extends Event['type']> = Extract<Event, { type: T }>;

/**
 * What tests of the delivery share: one database for the file, a channel of its own for each test,
 * and daemons that are stopped after it.
 */
export class DeliveryFixture {
  #database: InstalledDatabase | undefined;
  #tests = 0;
  readonly #daemons: RunningDaemon[] = [];

  constructor() {
    beforeAll(async () => {
      this.#database = await createInstalledDatabase();
    });
    beforeEach(() => {
      this.#tests += 1;
    });
    afterEach(async () => {
      await Promise.all(this.#daemons.splice(0).map((daemon) => daemon.stop()));
    });
    afterAll(() => this.#database?.drop());
  }

  get database(): InstalledDatabase {
    if (this.#database === undefined) throw new Error('No test runs yet.');
    return this.#database;
  }

  /** A name that no other test of the file uses, for a channel or a consumer. */
  name(suffix = ''): string {
    return `t${this.#tests}${suffix}`;
  }

  start(
    consumers: Parameters<typeof startDaemon>[1],
    options: Parameters<typeof startDaemon>[2] = {},
  ): RunningDaemon {
    const daemon = startDaemon(this.database.db, consumers, options);
    this.#daemons.push(daemon);
    return daemon;
  }

  /** Starts a daemon and waits until its consumers are live and its doorkeeper elected. */
  async startLive(
    consumers: Parameters<typeof startDaemon>[1],
    options: Parameters<typeof startDaemon>[2] = {},
  ): Promise<RunningDaemon> {
    const daemon = this.start(consumers, options);
    await Promise.all(consumers.map(({ id }) => happened(daemon, 'live', id)));
    await happened(daemon, 'listening');
    return daemon;
  }

  async notify(payload: unknown = {}, key: string | null = null, channel = this.name()) {
    const { rows } = await this.database.query<{ id: string }>(
      'select smart_notify($1, $2::jsonb, $3) as id',
      [channel, JSON.stringify(payload), key],
    );
    return Number(rows[0]?.id);
  }

  /** What redelivery holds for a consumer, in the order of the ids. */
  async redeliveries(consumer: string) {
    const { rows } = await this.database.query<{
      notification_id: string;
      state: string;
      reason: string;
      attempt: number;
      last_error: string | null;
    }>(
      `select r.notification_id, r.state, r.reason, r.attempt, r.last_error
       from pgwatch.redelivery r join pgwatch.consumer c on c.id = r.consumer_id
       where c.name = $1 order by 1`,
      [consumer],
    );
    return rows.map((row) => ({ ...row, notification_id: Number(row.notification_id) }));
  }
}

/** The first event of a kind (of a consumer), past or to come. */
export function happened<T extends Event['type']>(
  daemon: RunningDaemon,
  type: T,
  consumer?: string,
): Promise<EventOf<T>> {
  const matches = (event: Event): event is EventOf<T> =>
    event.type === type &&
    (consumer === undefined || ('consumer' in event && event.consumer === consumer));
  return daemon.events.until((all) => all.find(matches));
}

/** A promise to be settled from outside: lets a handler wait for the test. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}
