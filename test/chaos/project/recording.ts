import { openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject, JsonValue, Notification } from 'pgwatch';

/** The seed of the run. */
export const SEED = Number(process.env['CHAOS_SEED']);

/**
 * Notes what a consumer has handled in a file that all daemons append to. A file, because nothing
 * rolls it back and it outlives kill -9. One write a line, so that the order of the lines is the
 * order of the handlings, whichever process they were made in.
 */
export class Recording {
  readonly #file: number;

  constructor(consumer: string) {
    this.#file = openSync(join(process.env['CHAOS_RECORDS'] ?? '.', consumer), 'a');
  }

  /**
   * A line begins with a mark of its own: a kill can tear one in two where it crosses a page of
   * memory, and then the next stands right behind its stump.
   */
  add(notification: Notification): void {
    const { notificationLogId, key } = notification;
    const fields = [
      notificationLogId,
      key ?? '',
      sequenceOf(notification),
      process.pid,
      Date.now(),
    ];
    writeSync(this.#file, `>${fields.join('\t')}\n`);
  }
}

/** Where it stands among those of its key: each change of a row counts one, its deletion too. */
export function sequenceOf(notification: Notification): number {
  const after = notification.getNewData();
  if (after !== null) return numberIn(after, 'seq');
  const before = notification.getOldData();
  if (before !== null) return numberIn(before, 'seq') + 1;
  return isObject(notification.data) ? numberIn(notification.data, 'seq') : 0;
}

function numberIn(object: JsonObject, field: string): number {
  const value = object[field];
  return typeof value === 'number' ? value : 0;
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
