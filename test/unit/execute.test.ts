import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { HandlerContext } from '../../src/consumer/consumer.ts';
import { defineConsumer } from '../../src/consumer/define-consumer.ts';
import { PermanentError } from '../../src/consumer/errors.ts';
import { execute, executeAtOnce } from '../../src/delivery/execute.ts';
import type { Outcome } from '../../src/delivery/outcome.ts';
import { Notification } from '../../src/log/notification.ts';

const POLICY = { maxAttempts: 3, minDelaySeconds: 1, maxDelaySeconds: 60, factor: 2, jitter: 0 };
const RETRY = { kind: 'retry', delaySeconds: 1 };
const LIMIT_SECONDS = 5;
/** How long a handler that was aborted is waited for. */
const ABANDONED_MS = 1_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

type Handle = (notification: Notification, context: HandlerContext) => unknown;

/** Begins an attempt; `ended.outcome` is undefined until it has ended. */
function attempt(
  handle: Handle,
  limit?: number | 'at once',
  { number = 1, shutdown = new AbortController() } = {},
) {
  const consumer = defineConsumer({ id: 'consumer', channels: ['channel'], handle });
  const context = { signal: shutdown.signal, logger: pino({ level: 'silent' }), consumer };
  const notification = new Notification({
    notificationLogId: 7,
    channel: 'channel',
    key: null,
    json: '{"n":1}',
    timestamp: 0,
    isReplay: false,
    attempt: number,
  });
  const ended: { outcome: Outcome | undefined } = { outcome: undefined };
  const timeLimitSeconds = limit === 'at once' ? undefined : limit;
  const execution = { consumer, policy: POLICY, timeLimitSeconds, context, watch: undefined };
  const outcomes =
    limit === 'at once'
      ? (executeAtOnce(execution, notification) ?? [{ kind: 'handled' }])
      : execute(execution, [notification]);
  const outcome = Promise.resolve(outcomes).then(([made]) => {
    ended.outcome = made;
    return made;
  });
  return { outcome, ended, context, notification, shutdown };
}

const never = () => new Promise<never>(() => {});

/** Rejects with the signal's reason as soon as it aborts, like fetch() does. */
const untilAborted: Handle = (_, { signal }) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
  });

describe.each([
  ['without a time limit', undefined],
  ['with a time limit', LIMIT_SECONDS],
  ['that may return at once', 'at once' as const],
])('a handler %s', (_, limit) => {
  it('is given the notification and its context', async () => {
    const handle = vi.fn<Handle>();
    const { outcome, notification, context } = attempt(handle, limit);
    await outcome;
    const { logger, consumer } = context;
    expect(handle.mock.calls).toEqual([
      [notification, { logger, consumer, signal: expect.any(AbortSignal) }],
    ]);
  });

  it.each<[string, Handle]>([
    ['returns', () => 'whatever'],
    ['returns a promise', async () => 'whatever'],
    // biome-ignore lint/suspicious/noThenProperty: knex, mongoose and others return such objects
    ['returns a thenable', () => ({ then: (resolve: () => void) => resolve() })],
    // biome-ignore lint/suspicious/noThenProperty: no thenable, since it cannot be called
    ['returns an object with some other "then"', () => ({ then: 'later' })],
  ])('has handled it when it %s', async (_how, handle) => {
    expect(await attempt(handle, limit).outcome).toEqual({ kind: 'handled' });
  });

  it.each<[string, Handle]>([
    [
      'throws',
      () => {
        throw new TypeError('no');
      },
    ],
    ['rejects', () => Promise.reject(new TypeError('no'))],
  ])('has failed when it %s', async (_how, handle) => {
    expect(await attempt(handle, limit).outcome).toMatchObject({
      ...RETRY,
      error: 'TypeError: no',
    });
    expect(await attempt(handle, limit, { number: 3 }).outcome).toMatchObject({
      kind: 'dead',
      error: 'TypeError: no',
    });
  });

  it('decides by its error what comes next', async () => {
    const { outcome } = attempt(() => {
      throw new PermanentError('gone');
    }, limit);
    expect(await outcome).toMatchObject({ kind: 'dead', error: 'PermanentError: gone' });
  });

  it('leaves no timer behind', async () => {
    await attempt(async () => {}, limit).outcome;
    await attempt(() => Promise.reject(new Error('no')), limit).outcome;
    expect(vi.getTimerCount()).toBe(0);
  });

  describe('at a shutdown', () => {
    it('is told through its signal; if it gives up, it was interrupted', async () => {
      const { outcome, shutdown } = attempt(untilAborted, limit);
      shutdown.abort();
      expect(await outcome).toEqual({ kind: 'interrupted' });
      expect(vi.getTimerCount()).toBe(0);
    });

    it('was interrupted whatever it throws then', async () => {
      const { outcome, shutdown } = attempt(async (_notification, { signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        throw new PermanentError('half done');
      }, limit);
      shutdown.abort();
      expect(await outcome).toEqual({ kind: 'interrupted' });
    });

    it('has handled it when it still comes to its end', async () => {
      const { outcome, shutdown } = attempt(
        () => new Promise((resolve) => setTimeout(resolve, ABANDONED_MS - 1)),
        limit,
      );
      shutdown.abort();
      await vi.advanceTimersByTimeAsync(ABANDONED_MS - 1);
      expect(await outcome).toEqual({ kind: 'handled' });
      expect(vi.getTimerCount()).toBe(0);
    });

    it('is left behind when it never returns', async () => {
      const { outcome, ended, shutdown } = attempt(never, limit);
      shutdown.abort();
      await vi.advanceTimersByTimeAsync(ABANDONED_MS - 1);
      expect(ended.outcome).toBeUndefined();
      await vi.advanceTimersByTimeAsync(1);
      expect(await outcome).toEqual({ kind: 'interrupted' });
    });

    it('finds its signal aborted when it begins after it', async () => {
      const shutdown = new AbortController();
      shutdown.abort();
      const seen: boolean[] = [];
      const handle: Handle = (_notification, { signal }) => {
        seen.push(signal.aborted);
      };
      expect(await attempt(handle, limit, { shutdown }).outcome).toEqual({ kind: 'handled' });
      expect(seen).toEqual([true]);
    });

    it('is left behind when it begins after it and never returns', async () => {
      const shutdown = new AbortController();
      shutdown.abort();
      const { outcome } = attempt(never, limit, { shutdown });
      await vi.advanceTimersByTimeAsync(ABANDONED_MS);
      expect(await outcome).toEqual({ kind: 'interrupted' });
    });
  });
});

describe('a handler that takes too long', () => {
  const tooLong = { ...RETRY, error: 'HandlerTimeLimitError: the handler took longer than 5 s' };

  it('is told through its signal, and is retried', async () => {
    const { outcome, ended } = attempt(untilAborted, LIMIT_SECONDS);
    await vi.advanceTimersByTimeAsync(LIMIT_SECONDS * 1000 - 1);
    expect(ended.outcome).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(await outcome).toMatchObject(tooLong);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('has handled it when it ignores its signal and soon returns', async () => {
    const { outcome } = attempt(
      () => new Promise((resolve) => setTimeout(resolve, LIMIT_SECONDS * 1000 + 500)),
      LIMIT_SECONDS,
    );
    await vi.advanceTimersByTimeAsync(LIMIT_SECONDS * 1000 + 500);
    expect(await outcome).toEqual({ kind: 'handled' });
  });

  it('is left behind when it never returns, and what it throws later is nobody’s error', async () => {
    const late: { fail?: (error: Error) => void } = {};
    const { outcome } = attempt(
      () =>
        new Promise((_resolve, reject) => {
          late.fail = reject;
        }),
      LIMIT_SECONDS,
    );
    await vi.advanceTimersByTimeAsync(LIMIT_SECONDS * 1000 + ABANDONED_MS);
    expect(await outcome).toMatchObject(tooLong);
    late.fail?.(new Error('much too late')); // unhandled, it would fail this test
    expect(vi.getTimerCount()).toBe(0);
  });

  it('has no time limit of its own without one', async () => {
    const { ended } = attempt(never);
    await vi.advanceTimersByTimeAsync(7 * 86_400_000);
    expect(ended.outcome).toBeUndefined();
  });
});
