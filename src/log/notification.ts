import { type JsonObject, type JsonValue, parseJson } from '../parse-json.ts';

/** What a captured change did to its row. */
export type ChangeAction = 'INSERT' | 'UPDATE' | 'DELETE';

const CHANGE_ACTIONS: ReadonlySet<unknown> = new Set<ChangeAction>(['INSERT', 'UPDATE', 'DELETE']);

export interface NotificationParts {
  readonly notificationLogId: number;
  readonly channel: string;
  readonly key: string | null;
  /** The payload as JSON text. */
  readonly json: string;
  /** A Date, or milliseconds since 1970. */
  readonly timestamp: Date | number;
  readonly isReplay: boolean;
  /** 1 for the first. */
  readonly attempt: number;
  /** Default: null. */
  readonly traceparent?: string | null;
}

/**
 * A notification as its handler sees it.
 *
 * A captured change has the payload
 * `{ schema, table, action, id, old_data, new_data, metadata }`; the methods with `get` and `is`
 * read it. Where the payload is not an object, or has no such field of the right type, they answer
 * null or false: they never throw.
 *
 * `Data` is the type of the payload that you expect on the channel. Nothing checks it at run time.
 */
export class Notification<Data = JsonValue> {
  /** The id of its row in the log. */
  readonly notificationLogId: number;
  readonly channel: string;
  /**
   * What it is about: for a captured change the table and its primary key, else what the sender
   * gave, else null.
   */
  readonly key: string | null;
  /** When it was written, by the clock of the server. */
  readonly timestamp: Date;
  /** It was in the log before this consumer went live in this run, or is being replayed. */
  readonly isReplay: boolean;
  /** How many times this consumer has been given it, this time included: 1 is the first. */
  readonly attempt: number;
  /** The payload as JSON text, with every digit. This is what to forward to other systems. */
  readonly json: string;
  /**
   * Where its writer was in a trace (W3C Trace Context), if it said so: in `smartNotify()`, or with the
   * setting `pgwatch.traceparent`. Null: it did not.
   */
  readonly traceparent: string | null;
  #parsed: { readonly data: Data } | undefined;

  constructor(parts: NotificationParts) {
    this.notificationLogId = parts.notificationLogId;
    this.channel = parts.channel;
    this.key = parts.key;
    this.timestamp =
      typeof parts.timestamp === 'number' ? new Date(parts.timestamp) : parts.timestamp;
    this.isReplay = parts.isReplay;
    this.attempt = parts.attempt;
    this.json = parts.json;
    this.traceparent = parts.traceparent ?? null;
  }

  /**
   * The payload, parsed when it is first asked for. An integer beyond ±(2^53 - 1) is a bigint, a
   * decimal that a number cannot hold is a string with its exact digits. `JSON.stringify` throws
   * on a bigint: forward {@link json}, or use `stringifyJson`.
   */
  get data(): Data {
    // The one place where the expected type is taken on trust.
    this.#parsed ??= { data: parseJson(this.json) as Data };
    return this.#parsed.data;
  }

  /** Whether this is a captured change: it names a table, and an action that is one. */
  isDatabaseChange(): boolean {
    return this.getTable() !== null && this.getAction() !== null;
  }

  /** The changed table, without its schema. */
  getTable(): string | null {
    return textOrNull(this.#field('table'));
  }

  getSchema(): string | null {
    return textOrNull(this.#field('schema'));
  }

  getAction(): ChangeAction | null {
    const action = this.#field('action');
    return isChangeAction(action) ? action : null;
  }

  /**
   * The row's primary key: a string, a number or a bigint; an object of columns when the key has
   * several; null when the table has none.
   */
  getRecordId<Id = JsonValue>(): Id | null {
    return (this.#field('id') ?? null) as Id | null;
  }

  /** The row before an UPDATE or a DELETE, else null. */
  getOldData<Row = JsonObject>(): Row | null {
    return rowOrNull<Row>(this.#field('old_data'));
  }

  /** The row after an INSERT or an UPDATE, else null. */
  getNewData<Row = JsonObject>(): Row | null {
    return rowOrNull<Row>(this.#field('new_data'));
  }

  isInsert(): boolean {
    return this.getAction() === 'INSERT';
  }

  isUpdate(): boolean {
    return this.getAction() === 'UPDATE';
  }

  isDelete(): boolean {
    return this.getAction() === 'DELETE';
  }

  toString(): string {
    const kind = this.isReplay ? 'replay' : 'live';
    return `Notification ${this.notificationLogId} on ${this.channel} (${kind})`;
  }

  /** What `stringifyJson(notification)` writes, and what a log line about it shows. */
  toJSON() {
    return {
      notificationLogId: this.notificationLogId,
      channel: this.channel,
      key: this.key,
      timestamp: this.timestamp,
      isReplay: this.isReplay,
      attempt: this.attempt,
      data: this.data,
    };
  }

  #field(name: string): unknown {
    const data: unknown = this.data;
    return isObject(data) && Object.hasOwn(data, name) ? data[name] : undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isChangeAction(value: unknown): value is ChangeAction {
  return CHANGE_ACTIONS.has(value);
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function rowOrNull<Row>(value: unknown): Row | null {
  return isObject(value) ? (value as Row) : null;
}
