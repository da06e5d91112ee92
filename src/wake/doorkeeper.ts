import type { ClientBase } from 'pg';
import type { Names } from '../db/names.ts';
import { pause } from '../lifecycle/pause.ts';
import type { ListenSession } from './listen-session.ts';
import { type Found, Looks } from './looks.ts';
import { PendingWake } from './pending-wake.ts';
import type { WakeRouter } from './wake-router.ts';

/** How often an awake doorkeeper looks. */
const LOOK_EVERY_MS = 1;
/** After so long of nothing it tries to sleep. */
const DROWSY_AFTER_MS = 10;
/** How often it looks, at the least, while a writer in flight keeps it from sleeping. */
const LOOK_BESIDE_WRITER_EVERY_MS = 20;
/** The share of the quiet that such a look may be late: what comes after 50 ms waits for 5. */
const LATE_BESIDE_WRITER = 0.1;
/** How often the others look after the doorkeeper, and it looks whether there are others. */
const WATCH_EVERY_MS = 1_000;
/** How often nobody must have rung before the doorkeeper is taken for frozen. */
const LOOKS_BEFORE_BLAME = 2;
/**
 * How often a sleeper looks: for what was written with pgwatch.doorbell off, and whether its session
 * still lives.
 */
const LOOK_ASLEEP_EVERY_MS = 1_000;

export type DoorkeeperEvent =
  | { readonly type: 'elected' }
  /** The doorbell: this process, being the doorkeeper, has rung. */
  | { readonly type: 'rung'; readonly by: 'here' }
  /** It slept, and nobody rang: written with pgwatch.doorbell off, as for two-phase commit. */
  | { readonly type: 'found-unrung' }
  | { readonly type: 'ended-silent-doorkeeper'; readonly succeeded: boolean };

/** What it needs of the LISTEN session. */
export type DoorkeeperSession = Pick<
  ListenSession,
  'lockShared' | 'tryLock' | 'unlock' | 'notify' | 'othersHold' | 'terminateHolders' | 'ping'
> & { readonly client: ClientBase };

/**
 * Sees to it that every process learns of new rows, so that writers need not NOTIFY.
 *
 * One process of an installation is the doorkeeper, elected by a session's advisory lock:
 *
 *   awake     Looks about every ms whether rows became visible, and rings for them. Entered by
 *             election and from every other state when there is something new. Writers find the
 *             doorbell lock free, take it shared and ring nobody.
 *   drowsy    Nothing was new for 10 ms: it asks for the doorbell lock exclusively. Refused while
 *             a writer is in flight that rang nobody; then it goes on looking, the less often the
 *             longer nothing comes.
 *   asleep    It has got the lock, and has looked once more since: writers that come now are
 *             refused the shared lock, and NOTIFY. Left by any notification. Once a second it
 *             looks all the same, for writers that may not NOTIFY.
 *
 *   watching  All other processes: once a second they stand for election and look whether the
 *             doorkeeper rang for what became visible. One that is frozen while awake would leave
 *             everybody asleep for good; its session is ended, which frees the office.
 */
export class Doorkeeper {
  readonly #session: DoorkeeperSession;
  readonly #names: Names;
  readonly #router: Pick<WakeRouter, 'ring'>;
  readonly #emit: (event: DoorkeeperEvent) => void;
  readonly #rung = new PendingWake();
  readonly #looks: Looks;
  /** Whether other processes need our NOTIFY. */
  #others = true;
  #othersAskedAt = 0;
  /** What was rung since the last look of a watching process. Nobody else asks, or empties it. */
  readonly #rungChannels = new Set<string>();
  #watching = false;
  #lookedAt = performance.now();

  constructor(
    session: DoorkeeperSession,
    names: Names,
    router: Pick<WakeRouter, 'ring'>,
    emit: (event: DoorkeeperEvent) => void,
  ) {
    this.#session = session;
    this.#names = names;
    this.#router = router;
    this.#emit = emit;
    this.#looks = new Looks(session.client, names);
  }

  /** When it last looked at the log, of performance.now(). */
  get lookedAt(): number {
    return this.#lookedAt;
  }

  /** To be called for every notification that another session sent. */
  hear(channel: string): void {
    if (channel === EVERY_CHANNEL) this.#others = true;
    if (this.#watching) this.#rungChannels.add(channel);
    this.#rung.wake();
  }

  /** Runs until the signal aborts. @throws when the session breaks */
  async run(signal: AbortSignal): Promise<void> {
    await this.#session.lockShared(this.#names.presenceLock);
    await this.#look(false);
    // What became visible before this first look, no later one will find.
    this.#router.ring('all');
    // Says hello: a doorkeeper that thought itself alone now rings for us, too.
    await this.#session.notify([EVERY_CHANNEL]);
    while (!signal.aborted) {
      if (await this.#session.tryLock(this.#names.doorkeeperLock)) {
        this.#emit({ type: 'elected' });
        this.#watching = false;
        this.#rungChannels.clear();
        // Whoever held the office before may have left something unrung.
        await this.#ring({ ring: 'all' });
        await this.#keepTheDoor(signal);
      } else {
        this.#watching = true;
        await this.#watch(signal);
      }
    }
  }

  async #keepTheDoor(signal: AbortSignal): Promise<void> {
    let quietSince = performance.now();
    while (!signal.aborted) {
      let lookAgainMs = LOOK_EVERY_MS;
      if (await this.#lookAndRing()) {
        quietSince = performance.now();
      } else if (performance.now() - quietSince >= DROWSY_AFTER_MS) {
        const quietMs = performance.now() - quietSince;
        if (await this.#session.tryLock(this.#names.doorbellLock)) {
          // Looked at after the lock: whoever rang nobody was done before, so this sees it.
          if (!(await this.#lookAndRing())) await this.#sleep(signal);
          await this.#session.unlock(this.#names.doorbellLock);
          quietSince = performance.now();
        } else {
          lookAgainMs = Math.min(quietMs * LATE_BESIDE_WRITER, LOOK_BESIDE_WRITER_EVERY_MS);
        }
      }
      await pause(lookAgainMs, signal);
    }
  }

  async #sleep(signal: AbortSignal): Promise<void> {
    while ((await this.#rung.wait(LOOK_ASLEEP_EVERY_MS, signal)) === 'timeout') {
      if (await this.#lookAndRing()) this.#emit({ type: 'found-unrung' });
    }
  }

  async #lookAndRing(): Promise<boolean> {
    const found = await this.#look(true);
    if (found.ring.length === 0) return false;
    await this.#ring(found);
    return true;
  }

  async #look(bringsNews: boolean): Promise<Found> {
    const found = await (bringsNews ? this.#looks.lookForNews() : this.#looks.look());
    this.#lookedAt = performance.now();
    return found;
  }

  /** Our own consumers first: they need no message. */
  async #ring({ ring, news }: Found): Promise<void> {
    this.#router.ring(ring, news);
    this.#emit({ type: 'rung', by: 'here' });
    if (performance.now() - this.#othersAskedAt >= WATCH_EVERY_MS) {
      this.#others = await this.#session.othersHold(this.#names.presenceLock);
      this.#othersAskedAt = performance.now();
    }
    if (this.#others) await this.#session.notify(ring === 'all' ? [EVERY_CHANNEL] : ring);
  }

  /** One look after the doorkeeper, then a pause or two. */
  async #watch(signal: AbortSignal): Promise<void> {
    const before = new Set(this.#rungChannels);
    this.#rungChannels.clear();
    const { ring } = await this.#look(false);
    if (ring.length > 0) this.#router.ring(ring);
    // So many that nobody looked at each: those are nobody's fault.
    const channels = ring === 'all' ? [] : ring;
    const heard = (channel: string) =>
      [before, this.#rungChannels].some((rung) => rung.has(channel) || rung.has(EVERY_CHANNEL));
    for (let looks = 0; looks < LOOKS_BEFORE_BLAME; looks += 1) {
      await pause(WATCH_EVERY_MS, signal);
      if (channels.length === 0 || signal.aborted) return;
      // It may be this process that was frozen: what it was rung meanwhile is read first. Or all
      // processes were, so the doorkeeper gets another second.
      await this.#session.ping();
      if (channels.every(heard)) return;
    }
    // Rows became visible seconds ago and nobody rang for them.
    await this.#session.notify(channels);
    const succeeded = await this.#session.terminateHolders(this.#names.doorkeeperLock);
    this.#emit({ type: 'ended-silent-doorkeeper', succeeded });
  }
}

/** The payload of a ring for everybody; no channel has an empty name. */
export const EVERY_CHANNEL = '';
