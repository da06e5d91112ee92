import type { ServerUser } from './server-user.ts';

/**
 * What a process and the supervisor of its server say to each other. The process sends one order,
 * and perhaps a stop mode later; when the channel closes, the supervisor stops the server in the
 * order's way.
 */

/** Fast: roll back, write a checkpoint, end. Immediate: end; the next start recovers from the WAL. */
export type StopMode = 'fast' | 'immediate';

export interface Order {
  readonly postgres: string;
  readonly pgCtl: string;
  readonly args: readonly string[];
  readonly user: ServerUser | undefined;
  readonly dataDirectory: string;
  /** A directory to open and hand to the server: see data-path.ts. */
  readonly descriptor: string | undefined;
  readonly log: string;
  /** What to do when the channel closes. */
  readonly stopMode: StopMode;
  /** The scratch directories to remove after that. */
  readonly remove: readonly string[];
  /** Whose time of change shows that the server is alive. */
  readonly touch: readonly string[];
}

export type SupervisorReport =
  | { readonly event: 'started'; readonly pid: number }
  | { readonly event: 'failed'; readonly message: string }
  | { readonly event: 'ended'; readonly status: number | string };

export function isOrder(message: unknown): message is Order {
  return typeof message === 'object' && message !== null && 'postgres' in message;
}

export function isReport(message: unknown): message is SupervisorReport {
  return typeof message === 'object' && message !== null && 'event' in message;
}
