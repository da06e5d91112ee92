import type { ChannelChange } from '../cursor/channel-change.ts';
import type { LogRow } from '../log/log-row.ts';
import type { Failure } from './outcome.ts';

/**
 * What happens while notifications are delivered. The engine only says so; logs (and metrics)
 * subscribe. `consumer` is the consumer's id; `partition` the number of the part of it that the event
 * is about, where it is split and the event is not about the whole.
 */
export type DeliveryEvent = Happening & { readonly partition?: number };

type Happening =
  /** It was not known before. */
  | { readonly type: 'registered'; readonly consumer: string }
  | ({
      readonly type: 'claimed';
      readonly consumer: string;
      readonly epoch: number;
    } & ChannelChange)
  | {
      readonly type: 'waiting-for-lease';
      readonly consumer: string;
      readonly owner: string;
      readonly secondsLeft: number;
    }
  /** How many of the partitions this process is to run. */
  | {
      readonly type: 'sharing';
      readonly consumer: string;
      readonly partitions: number;
      readonly share: number;
      readonly processes: number;
    }
  /** A process runs it with another number of partitions. */
  | {
      readonly type: 'waiting-for-split';
      readonly consumer: string;
      readonly owner: string;
      readonly found: number;
      readonly wanted: number;
    }
  /** All partitions are first brought to one place. */
  | {
      readonly type: 'split-closing';
      readonly consumer: string;
      readonly from: number;
      readonly to: number;
    }
  | {
      readonly type: 'split-changed';
      readonly consumer: string;
      readonly from: number;
      readonly to: number;
    }
  | { readonly type: 'fenced'; readonly consumer: string }
  /** The server was lost during the commit of a transactional consumer; the cursor is read again. */
  | { readonly type: 'commit-unknown'; readonly consumer: string; readonly error: unknown }
  | { readonly type: 'skipped-playback'; readonly consumer: string }
  /** Somebody has paused it: nothing is begun, nobody runs it. */
  | { readonly type: 'paused'; readonly consumer: string }
  | { readonly type: 'resumed'; readonly consumer: string }
  /** A read of the log has brought so many. */
  | { readonly type: 'read'; readonly consumer: string; readonly count: number }
  /** It has handled what it found at its start, and now handles what comes. */
  | { readonly type: 'live'; readonly consumer: string; readonly replayed: number }
  /** One, or several that were handled one after the other. */
  | { readonly type: 'handled'; readonly consumer: string; readonly rows: readonly LogRow[] }
  | ({
      readonly type: 'retrying';
      readonly consumer: string;
      readonly row: LogRow;
      readonly attempts: number;
      readonly delaySeconds: number;
    } & Failure)
  | ({
      readonly type: 'dead-lettered';
      readonly consumer: string;
      readonly row: LogRow;
      readonly attempts: number;
    } & Failure)
  /** It has failed, and somebody had discarded it meanwhile. */
  | ({
      readonly type: 'given-up';
      readonly consumer: string;
      readonly row: LogRow;
      readonly attempts: number;
    } & Failure)
  /** Somebody has forgotten the consumer: it is not run until this process starts again. */
  | { readonly type: 'forgotten'; readonly consumer: string }
  /** A database operation failed; it is tried again until it succeeds. Once per outage. */
  | ({ readonly type: 'database-lost'; readonly error: unknown } & DatabaseUse)
  | ({ readonly type: 'database-back' } & DatabaseUse)
  | { readonly type: 'released'; readonly consumer: string };

interface DatabaseUse {
  readonly consumer: string;
  /** Undefined: anything that the consumer waits for. */
  readonly operation?: 'store-cursor';
}

export type DeliveryEventSink = (event: DeliveryEvent) => void;
