import { Buffer } from 'node:buffer';
import { showValue } from '../config/config-problem.ts';
import { PgwatchError } from '../errors.ts';
import { assertKnownOptions } from '../known-options.ts';
import { assertChannel } from '../log/channel.ts';
import type { RetryPolicy } from './retry-policy.ts';

/** Where in the log a consumer starts that has never run: at its beginning, or now. */
export type ConsumerStart = 'beginning' | 'latest';

/** What a consumer says about itself. */
export interface ConsumerSettings {
  /** Its progress is stored under this name: 1 to 200 bytes, no control characters. */
  readonly id: string;
  readonly channels: readonly string[];
  readonly start: ConsumerStart;
  /** Undefined fields come from the configuration. */
  readonly retry: Partial<RetryPolicy> | undefined;
  /** Undefined: as the configuration says. */
  readonly handlerTimeoutSeconds: number | undefined;
  /**
   * How many calls of the handler one process makes side by side. Notifications with the same key
   * stay one at a time and in order; all others may overtake each other. Default 1: all in order.
   */
  readonly concurrency: number;
  /** How many notifications `handleBatch` is given at most. Default 100. */
  readonly batchSize: number;
  /** Whether the handler is given a transaction in which the cursor moves, too. Default false. */
  readonly transactional: boolean;
  /**
   * Into how many parts its notifications are split, by hash of their key, for the running processes
   * to share. Order holds for each key. Default 1: one process runs it all.
   */
  readonly partitions: number;
}

/** The same as a user writes it: what is left out has a default. */
export type ConsumerOptions = {
  readonly [Name in Exclude<keyof ConsumerSettings, 'id' | 'channels' | 'retry'>]?:
    | ConsumerSettings[Name]
    | undefined;
};

/** What a class, its constructor's options and `defineConsumer` have in common. */
export const ATTRIBUTES = [
  'channels',
  'start',
  'retry',
  'handlerTimeoutSeconds',
  'concurrency',
  'batchSize',
  'transactional',
  'partitions',
] as const satisfies readonly (keyof ConsumerSettings)[];

/** The channel of captured changes when none is named. */
export const DEFAULT_CHANNELS: readonly string[] = ['data_change'];

const ID_MAX_BYTES = 200;

/** 24 days, as in the configuration: a timer of Node cannot be set much further ahead. */
const MAX_SECONDS = 24 * 86_400;

/**
 * Checks what a user wrote, fills in the defaults and removes duplicate channels.
 *
 * @param subject what errors call the consumer, as `The class WelcomeEmail`
 * @param idHint what to write where the id is missing
 * @throws {PgwatchError} CONSUMER_ID_MISSING, CONSUMER_INVALID, CHANNEL_INVALID
 */
export function checkSettings(
  given: { readonly [Name in keyof ConsumerSettings]?: unknown },
  subject: string,
  idHint: string,
): ConsumerSettings {
  const { id, channels, start, retry, handlerTimeoutSeconds } = given;
  const { concurrency = 1, batchSize = 100, transactional = false, partitions = 1 } = given;
  if (id === undefined || id === null || id === '') {
    throw new PgwatchError('CONSUMER_ID_MISSING', {
      what: `${subject} has no consumer id.`,
      why: 'The progress of a consumer is stored under its id.',
      hint: idHint,
    });
  }
  const expect = <T>(name: string, value: unknown, guard: Guard<T>, expected: string): T => {
    if (guard(value)) return value;
    throw invalidSetting(subject, name, value, expected);
  };
  return {
    id: expect('id', id, isId, `a string of 1 to ${ID_MAX_BYTES} bytes without control characters`),
    channels: checkChannels(
      expect('channels', channels ?? DEFAULT_CHANNELS, isFilledArray, 'a list of channel names'),
    ),
    start: expect('start', start ?? 'beginning', isStart, "'beginning' or 'latest'"),
    retry:
      retry === undefined
        ? undefined
        : checkRetry(expect('retry', retry, isObject, OBJECT), subject),
    handlerTimeoutSeconds:
      handlerTimeoutSeconds === undefined
        ? undefined
        : expectNumber(subject, 'handlerTimeoutSeconds', handlerTimeoutSeconds, TIMEOUT_RANGE),
    concurrency: expectNumber(subject, 'concurrency', concurrency, CONCURRENCY_RANGE),
    batchSize: expectNumber(subject, 'batchSize', batchSize, BATCH_RANGE),
    transactional: expect('transactional', transactional, isBoolean, 'true or false'),
    partitions: expectNumber(subject, 'partitions', partitions, PARTITIONS_RANGE),
  };
}

/**
 * What does not go together: a transaction holds one notification, whose cursor moves in it.
 *
 * @throws {PgwatchError} CONSUMER_INVALID
 */
export function assertTogether(
  consumer: Pick<ConsumerSettings, 'transactional' | 'concurrency'> & {
    readonly handleBatch: unknown;
  },
  subject: string,
): void {
  if (!consumer.transactional) return;
  if (consumer.concurrency > 1) {
    throw invalidSetting(
      subject,
      'concurrency',
      consumer.concurrency,
      '1 for a transactional consumer: its cursor moves in the transaction, one notification at a time',
    );
  }
  if (consumer.handleBatch !== undefined) {
    throw new PgwatchError('CONSUMER_INVALID', {
      what: `${subject} is transactional and has handleBatch.`,
      why: 'A transaction holds one notification: a failure rolls back that one alone.',
      hint: 'Write handle instead, or leave out transactional.',
    });
  }
}

/** @throws {PgwatchError} CONSUMER_INVALID */
export function invalidSetting(
  subject: string,
  name: string,
  found: unknown,
  expected: string,
): PgwatchError {
  return new PgwatchError('CONSUMER_INVALID', {
    what: `${subject} has ${name}: ${showValue(found)}.`,
    why: `Expected ${expected}.`,
  });
}

type Guard<T> = (value: unknown) => value is T;

const OBJECT = 'an object such as { maxAttempts: 5 }';

interface Range {
  readonly min: number;
  readonly max: number;
  readonly whole?: true;
}

const CONCURRENCY_RANGE: Range = { min: 1, max: 1_000, whole: true };
const BATCH_RANGE: Range = { min: 1, max: 10_000, whole: true };
/** Each has a loop of its own that reads all that is new; more would cost more than they share. */
const PARTITIONS_RANGE: Range = { min: 1, max: 64, whole: true };
const TIMEOUT_RANGE: Range = { min: 0.001, max: MAX_SECONDS };

const RETRY_RANGES: { readonly [Name in keyof RetryPolicy]: Range } = {
  maxAttempts: { min: 1, max: 1_000_000, whole: true },
  minDelaySeconds: { min: 0, max: MAX_SECONDS },
  maxDelaySeconds: { min: 0, max: MAX_SECONDS },
  factor: { min: 1, max: 100 },
  jitter: { min: 0, max: 1 },
};

function expectNumber(subject: string, name: string, found: unknown, range: Range): number {
  const { min, max, whole } = range;
  const isInside = typeof found === 'number' && found >= min && found <= max;
  if (isInside && (whole === undefined || Number.isInteger(found))) return found;
  throw invalidSetting(
    subject,
    name,
    found,
    `a ${whole === undefined ? 'number' : 'whole number'} from ${min} to ${max}`,
  );
}

function checkRetry(retry: Record<string, unknown>, subject: string): Partial<RetryPolicy> {
  assertKnownOptions({
    subject: `${subject}, in retry,`,
    given: retry,
    known: Object.keys(RETRY_RANGES),
    code: 'CONSUMER_INVALID',
  });
  const policy: { -readonly [Name in keyof RetryPolicy]?: number } = {};
  for (const [name, value] of Object.entries(retry)) {
    if (!isRetryField(name) || value === undefined) continue;
    policy[name] = expectNumber(subject, `retry.${name}`, value, RETRY_RANGES[name]);
  }
  const { minDelaySeconds: min = 0, maxDelaySeconds: max = MAX_SECONDS } = policy;
  if (min > max) {
    throw invalidSetting(subject, 'retry.maxDelaySeconds', max, `minDelaySeconds (${min}) or more`);
  }
  return policy;
}

function checkChannels(channels: readonly unknown[]): readonly string[] {
  const names = new Set<string>();
  for (const channel of channels) {
    assertChannel(channel);
    names.add(channel);
  }
  return [...names];
}

function isRetryField(name: string): name is keyof RetryPolicy {
  return Object.hasOwn(RETRY_RANGES, name);
}

function isId(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value.trim() !== '' &&
    Buffer.byteLength(value) <= ID_MAX_BYTES &&
    !/[\p{Control}\p{Surrogate}]/u.test(value)
  );
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean';
}

function isStart(value: unknown): value is ConsumerStart {
  return value === 'beginning' || value === 'latest';
}

function isFilledArray(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.length > 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
