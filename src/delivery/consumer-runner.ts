import type { Logger } from 'pino';
import type { Consumer } from '../consumer/consumer.ts';
import { claimCursor } from '../cursor/cursor-store.ts';
import type { LeaseOwner } from '../cursor/lease-owner.ts';
import { nameOf } from '../cursor/partition.ts';
import { registerConsumer } from '../cursor/registration.ts';
import { readSplit, type SplitState } from '../cursor/split.ts';
import { changeSplit } from '../cursor/split-change.ts';
import type { Database } from '../db/database.ts';
import { PendingWake } from '../wake/pending-wake.ts';
import type { WakeRouter } from '../wake/wake-router.ts';
import type { CallWatch } from './call-watch.ts';
import { ConsumerShare } from './consumer-share.ts';
import type { DeliveryEvent, DeliveryEventSink } from './events.ts';
import { msUntilNextLook } from './next-look.ts';
import { PartitionRuns } from './partition-runs.ts';
import { Patience, StoppedError } from './patience.ts';
import type { DeliverySettings } from './settings.ts';
import type { SharedAccess } from './shared-access.ts';
import { Steered } from './steered.ts';
import type { SteeringWatch } from './steering-watch.ts';

export interface ConsumerRunnerOptions {
  readonly db: Database;
  readonly consumer: Consumer;
  readonly settings: DeliverySettings;
  readonly owner: LeaseOwner;
  readonly router: WakeRouter;
  readonly shared: SharedAccess;
  readonly steering: SteeringWatch;
  /** Aborted: begin nothing more. */
  readonly stopping: AbortSignal;
  /** Aborted: handlers have had their time. */
  readonly aborting: AbortSignal;
  readonly logger: Logger;
  readonly emit: DeliveryEventSink;
  readonly watch: CallWatch | undefined;
}

/**
 * Runs this process's share of a consumer: the whole of one that is not split, when no other process
 * does; else as many of its partitions as the others, or one more. Looks around every now and then,
 * and starts and stops runs of partitions accordingly.
 */
export class ConsumerRunner {
  readonly #options: ConsumerRunnerOptions;
  readonly #patience: Patience;
  readonly #runs: PartitionRuns;
  readonly #nudge = new PendingWake();
  /** With `once`: the partitions that are done, or left to another process. */
  readonly #over = new Set<number>();
  /** Only what was missed before this process began is skipped, never what a take-over finds. */
  #mayStillSkip: boolean;
  readonly #steered: Steered;
  /** The last word on how things stand, not to be said again at each look. */
  #said = '';

  constructor(options: ConsumerRunnerOptions) {
    this.#options = options;
    const { consumer, settings, stopping, emit } = options;
    this.#mayStillSkip = settings.skipPlayback;
    this.#steered = new Steered(consumer.id, emit);
    this.#patience = new Patience({
      longestPauseMs: settings.reconnectDelaySeconds * 1000,
      stopping,
      failFast: settings.once,
      onLost: (error) => emit({ type: 'database-lost', consumer: consumer.id, error }),
      onBack: () => emit({ type: 'database-back', consumer: consumer.id }),
    });
    this.#runs = new PartitionRuns((partition, end) => {
      if (end === 'done' && settings.once) this.#over.add(partition);
      this.#nudge.wake();
    });
  }

  /** Returns when stopped; with `once`, when everything that was there is handled. */
  async run(): Promise<void> {
    try {
      const consumerId = await this.#register();
      await this.#share(consumerId);
    } catch (error) {
      if (!(error instanceof StoppedError)) throw error;
    }
  }

  async #register(): Promise<number> {
    const { db, consumer, emit } = this.#options;
    const { consumerId, isNew } = await this.#patience.until(() => registerConsumer(db, consumer));
    if (isNew) emit({ type: 'registered', consumer: consumer.id });
    return consumerId;
  }

  async #share(consumerId: number): Promise<void> {
    const { db, consumer, owner, settings, stopping, steering } = this.#options;
    const own = { consumerId, patience: this.#patience, say: this.#say };
    const share = new ConsumerShare({ ...this.#options, ...own });
    steering.watch(consumerId, () => this.#nudge.wake());
    try {
      while (!stopping.aborted) {
        const split = await this.#patience.until(() =>
          readSplit(db, consumerId, consumer.channels, owner),
        );
        if (split === undefined) {
          await this.#beForgotten(consumerId);
          break;
        }
        steering.note(consumerId, split.steered);
        if (await this.#follow(consumerId, split, share)) continue;
        if (settings.once && this.#isOver(split)) break;
        await this.#nudge.wait(msUntilNextLook(split, owner, this.#runs.count), stopping);
        this.#runs.throwFault();
      }
    } finally {
      steering.unwatch(consumerId);
      await this.#runs.stopAll();
      await share.end();
    }
    this.#runs.throwFault();
  }

  /** To register it anew would undo what somebody has decided; the next start does. */
  async #beForgotten(consumerId: number): Promise<void> {
    const { consumer, settings, steering, stopping, emit } = this.#options;
    steering.unwatch(consumerId);
    emit({ type: 'forgotten', consumer: consumer.id });
    this.#runs.stop(this.#runs.active);
    // The process must not end for having nothing to do: whoever restarts it would undo it, too.
    while (!settings.once && !stopping.aborted) {
      await this.#nudge.wait(Number.POSITIVE_INFINITY, stopping);
    }
  }

  /** Does what the split asks for. True: that has changed it, look again at once. */
  async #follow(consumerId: number, split: SplitState, share: ConsumerShare): Promise<boolean> {
    this.#followSteering(split);
    if (split.paused) return false;
    const isClosing = split.closingAt !== undefined;
    const isClosed = isClosing && split.states.every(({ closed }) => closed);
    const isAsWanted = !isClosing && split.partitions === this.#options.consumer.partitions;
    if (isAsWanted || (isClosing && !isClosed && !this.#mayStillSkip)) {
      await this.#takeShare(consumerId, split, share);
      return false;
    }
    this.#runs.stop(this.#runs.active);
    return this.#runs.count === 0 && this.#changeSplit(consumerId, split);
  }

  #followSteering(split: SplitState): void {
    switch (this.#steered.follow(split)) {
      case 'pause':
        this.#runs.stop(this.#runs.active);
        this.#leave(split);
        return;
      case 'look again':
        this.#runs.lookAgain();
        return;
      case 'go on':
    }
  }

  async #changeSplit(consumerId: number, split: SplitState): Promise<boolean> {
    const { db, consumer, owner, settings, emit } = this.#options;
    const { id, channels, partitions } = consumer;
    const wish = { partitions, channels, owner, skip: this.#mayStillSkip };
    const change = await this.#patience.until(() => changeSplit(db, consumerId, wish));
    switch (change.kind) {
      case 'look again':
        return true;
      case 'changed':
        this.#mayStillSkip &&= change.to !== partitions;
        this.#over.clear();
        emit({ type: 'split-changed', consumer: id, from: change.from, to: change.to });
        return true;
      case 'closing': {
        const from = split.partitions;
        this.#say('closing', { type: 'split-closing', consumer: id, from, to: partitions });
        return true;
      }
      case 'in use':
        this.#leave(split);
        if (split.closingAt === undefined || settings.once) {
          this.#say(`in use ${change.owner}`, {
            type: 'waiting-for-split',
            consumer: id,
            owner: change.owner,
            found: split.partitions,
            wanted: partitions,
          });
        }
        return false;
    }
  }

  async #takeShare(
    consumerId: number,
    split: SplitState,
    consumerShare: ConsumerShare,
  ): Promise<void> {
    const { consumer, owner, settings } = this.#options;
    const share = await consumerShare.of(split);
    const { active } = this.#runs;
    this.#runs.stop(active.slice(share));
    const missing = Math.max(0, share - active.length);
    const mayTake = split.states.filter(
      (state) => !this.#runs.has(state.number) && !this.#over.has(state.number) && !state.closed,
    );
    const free = mayTake.filter((state) => state.owner === undefined || state.owner === owner);
    for (const { number } of free.slice(0, missing)) await this.#start(consumerId, split, number);
    this.#mayStillSkip = false;
    for (const { number, owner: other, secondsLeft } of mayTake) {
      if (other === undefined || other === owner) continue;
      if (settings.once) this.#over.add(number);
      if (split.partitions > 1 && !settings.once) continue;
      this.#say(`taken ${number} ${other}`, {
        type: 'waiting-for-lease',
        consumer: consumer.id,
        ...nameOf({ number, of: split.partitions }),
        owner: other,
        secondsLeft,
      });
    }
  }

  async #start(consumerId: number, split: SplitState, number: number): Promise<void> {
    const { db, consumer, owner, settings, logger, emit } = this.#options;
    const claimant = { owner, channels: consumer.channels, leaseSeconds: settings.leaseSeconds };
    let claimedAt = 0;
    const claim = await this.#patience.until(() => {
      claimedAt = performance.now();
      return claimCursor(db, consumerId, split, number, claimant);
    });
    if (claim.kind !== 'held') return;
    const partition = { number, of: split.partitions };
    const named = nameOf(partition);
    const { hold, channels } = claim;
    emit({ type: 'claimed', consumer: consumer.id, ...named, epoch: hold.epoch, ...channels });
    this.#runs.start({
      ...this.#options,
      claim,
      claimedAt,
      partition,
      upTo: split.closingAt,
      skipPlayback: this.#mayStillSkip,
      logger: partition.of === 1 ? logger : logger.child(named),
    });
  }

  /** To others, or until later: what is found then is not skipped, and `once` is over. */
  #leave({ states }: SplitState): void {
    this.#mayStillSkip = false;
    if (this.#options.settings.once) for (const { number } of states) this.#over.add(number);
  }

  readonly #say = (key: string, event: DeliveryEvent): void => {
    if (key === this.#said) return;
    this.#said = key;
    this.#options.emit(event);
  };

  #isOver(split: SplitState): boolean {
    return this.#runs.count === 0 && split.states.every(({ number }) => this.#over.has(number));
  }
}
