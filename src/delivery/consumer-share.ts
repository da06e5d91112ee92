import { within } from '../abandonable.ts';
import { fairShare } from '../cursor/fair-share.ts';
import { Membership } from '../cursor/membership.ts';
import type { SplitState } from '../cursor/split.ts';
import type { ConsumerRunnerOptions } from './consumer-runner.ts';
import type { DeliveryEvent } from './events.ts';
import { ANSWER_WITHIN_MS, type Patience } from './patience.ts';

export interface ConsumerShareOptions
  extends Pick<ConsumerRunnerOptions, 'db' | 'consumer' | 'owner' | 'settings' | 'logger'> {
  readonly consumerId: number;
  readonly patience: Patience;
  /** Tells of how it is shared; the key says whether that is news. */
  readonly say: (key: string, event: DeliveryEvent) => void;
}

/** This process's share of a consumer: as many of its partitions as the others', or one more. */
export class ConsumerShare {
  readonly #options: ConsumerShareOptions;
  readonly #membership: Membership;

  constructor(options: ConsumerShareOptions) {
    const { db, consumerId, owner, settings } = options;
    this.#options = options;
    this.#membership = new Membership(db, consumerId, owner, settings.leaseSeconds);
  }

  /** How many partitions this process is to run now. */
  async of({ partitions, states }: SplitState): Promise<number> {
    const { consumer, owner, settings, patience, say } = this.#options;
    if (partitions === 1 || settings.once) return partitions;
    const members = await patience.until(() => this.#membership.all());
    const held = new Map(
      members.map((member) => [member, states.filter((state) => state.owner === member).length]),
    );
    const share = fairShare(partitions, held, owner);
    say(`sharing ${share} ${members.length}`, {
      type: 'sharing',
      consumer: consumer.id,
      partitions,
      share,
      processes: members.length,
    });
    return share;
  }

  /** Leaves the others to share it among themselves. */
  async end(): Promise<void> {
    await within(this.#membership.end(), ANSWER_WITHIN_MS).catch((err) =>
      this.#options.logger.debug({ err }, 'membership not ended'),
    );
  }
}
