import { describe, expect, it } from 'vitest';
import { PermanentError, RetryableError } from '../../src/consumer/errors.ts';
import { DeliveryFixture, gate, happened } from '../support/delivery-fixture.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';

const fixture = new DeliveryFixture();
const NOT_SOON = { minDelaySeconds: 3600, maxDelaySeconds: 3600 };

describe('a handler that throws', () => {
  it('is called again until it succeeds, and then nothing is left of it', async () => {
    const { consumer, received } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: ({ attempt }) => {
        if (attempt < 3) throw new Error(`attempt ${attempt}`);
      },
    });
    await fixture.startLive([consumer]);
    await fixture.notify();
    await received.count(3);
    expect(received.all.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(received.all.map(({ isReplay }) => isReplay)).toEqual([false, false, false]);
    await expect.poll(() => fixture.redeliveries(fixture.name())).toEqual([]);
  });

  it('is dead-lettered after the last attempt, with its error', async () => {
    const { consumer, received } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: () => {
        throw new TypeError('no such thing', { cause: new Error('because') });
      },
    });
    const daemon = await fixture.startLive([consumer]);
    const id = await fixture.notify();
    await happened(daemon, 'dead-lettered');
    expect(received.all).toHaveLength(3);
    expect(await fixture.redeliveries(fixture.name())).toEqual([
      {
        notification_id: id,
        state: 'dead',
        reason: 'failure',
        attempt: 3,
        last_error: 'TypeError: no such thing; caused by Error: because',
      },
    ]);
  });

  it('is dead-lettered at once by a PermanentError', async () => {
    const { consumer, received } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: () => {
        throw new PermanentError('gone for good');
      },
    });
    const daemon = await fixture.startLive([consumer]);
    await fixture.notify();
    const event = await happened(daemon, 'dead-lettered');
    expect(event).toMatchObject({ attempts: 1, error: 'PermanentError: gone for good' });
    expect(received.all).toHaveLength(1);
  });

  it('says itself when to be called again, with a RetryableError', async () => {
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: () => {
        throw new RetryableError('busy', { retryAfter: 1234 });
      },
    });
    const daemon = await fixture.startLive([consumer]);
    await fixture.notify();
    expect((await happened(daemon, 'retrying')).delaySeconds).toBe(1234);
  });

  it('is called again after a restart', async () => {
    const failing = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: () => Promise.reject(new Error('down')),
      retry: { minDelaySeconds: 0.2, maxDelaySeconds: 0.2 },
    });
    const daemon = await fixture.startLive([failing.consumer]);
    const id = await fixture.notify();
    await happened(daemon, 'retrying');
    await daemon.stop();
    const sound = recordingConsumer(fixture.name(), [fixture.name()]);
    await fixture.startLive([sound.consumer]);
    await sound.received.count(1);
    expect(sound.received.all[0]).toMatchObject({
      notificationLogId: id,
      attempt: 2,
      isReplay: true,
    });
  });

  it.each([
    ['a text', 'just text', 'just text'],
    ['undefined', undefined, 'undefined'],
    ['an object', { code: 7 }, '{"code":7}'],
    ['a NUL in its message', new Error('a\0b'), 'Error: ab'],
  ])('may throw anything: %s', async (_, thrown, text) => {
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: () => Promise.reject(thrown),
      retry: NOT_SOON,
    });
    const daemon = await fixture.startLive([consumer]);
    await fixture.notify();
    expect((await happened(daemon, 'retrying')).error).toBe(text);
  });

  it('is held to its time limit', async () => {
    const aborted = gate();
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()], {
      handlerTimeoutSeconds: 0.05,
      retry: NOT_SOON,
      handle: (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            aborted.open();
            reject(signal.reason);
          });
        }),
    });
    const daemon = await fixture.startLive([consumer]);
    await fixture.notify();
    await aborted.opened;
    expect((await happened(daemon, 'retrying')).error).toContain('longer than 0.05 s');
  });
});

describe('the order by key', () => {
  it('lets later notifications of a failed key wait, all others go on', async () => {
    const open = gate();
    const { consumer, received } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: ({ data, attempt }) => {
        if (data === 'a1' && attempt < 3) throw new Error('not yet');
        if (data === 'last') open.open();
      },
    });
    await fixture.startLive([consumer]);
    for (const [payload, key] of [
      ['a1', 'a'],
      ['b1', 'b'],
      ['a2', 'a'],
      ['none', null],
      ['b2', 'b'],
      ['a3', 'a'],
      ['last', null],
    ] as const) {
      await fixture.notify(payload, key);
    }
    await received.count(9);
    await open.opened;
    const order = received.all.map(({ data, attempt }) => `${String(data)}#${attempt}`);
    const ofKey = (letter: string) => order.filter((entry) => entry.startsWith(letter));
    expect(ofKey('a')).toEqual(['a1#1', 'a1#2', 'a1#3', 'a2#1', 'a3#1']);
    expect(ofKey('b')).toEqual(['b1#1', 'b2#1']);
    expect(order.indexOf('b1#1')).toBeLessThan(order.indexOf('a2#1'));
    await expect.poll(() => fixture.redeliveries(fixture.name())).toEqual([]);
  });

  it('holds within one batch and across a restart', async () => {
    await fixture.database.query(
      `select smart_notify($1, to_jsonb(n), 'key ' || n % 2) from generate_series(1, 20) as n`,
      [fixture.name()],
    );
    const failing = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: ({ data }) => {
        if (data === 3) throw new Error('odd one');
      },
      retry: { minDelaySeconds: 0.3, maxDelaySeconds: 0.3 },
    });
    await fixture.start([failing.consumer], { once: true }).ended;
    // 3 failed; 5, 7, … wait behind it, the even ones went on.
    const even = Array.from({ length: 10 }, (_, index) => 2 * (index + 1));
    expect(failing.received.all.map(({ data }) => data)).toEqual(
      [1, 2, 3, ...even.slice(1)].sort((a, b) => a - b),
    );
    const sound = recordingConsumer(fixture.name(), [fixture.name()]);
    await fixture.startLive([sound.consumer]);
    const after = await fixture.notify(21, 'key 1');
    await sound.received.count(10);
    expect(sound.received.all.map(({ data }) => data)).toEqual([
      3, 5, 7, 9, 11, 13, 15, 17, 19, 21,
    ]);
    expect(sound.received.all.at(-1)?.notificationLogId).toBe(after);
  });

  it('is released by a dead letter', async () => {
    const { consumer, received } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: ({ data }) => {
        if (data === 'poison') throw new Error('always');
      },
    });
    await fixture.startLive([consumer]);
    await fixture.notify('poison', 'k');
    await fixture.notify('next', 'k');
    await received.until((all) => all.some(({ data }) => data === 'next'));
    expect(received.all.map(({ data }) => data)).toEqual(['poison', 'poison', 'poison', 'next']);
    await expect
      .poll(() => fixture.redeliveries(fixture.name()))
      .toMatchObject([{ state: 'dead' }]);
  });

  it('holds behind a dead letter that is sent again, too, and for its key only', async () => {
    const poisoned = recordingConsumer(fixture.name(), [fixture.name()], {
      retry: { maxAttempts: 1 },
      handle: ({ data }) => {
        if (data === 'poison') throw new Error('always');
      },
    });
    const id = await fixture.notify('poison', 'k');
    await fixture.start([poisoned.consumer], { once: true }).ended;
    // As docs/sql.md says.
    await fixture.database.query(
      `update pgwatch.redelivery r
       set state = 'retry', attempt = 0, due_at = now()
       from pgwatch.consumer c
       where c.id = r.consumer_id and c.name = $1 and r.notification_id = $2 and r.state = 'dead'`,
      [fixture.name(), id],
    );
    await fixture.notify('follower', 'k');
    await fixture.notify('other', 'another key');
    const mended = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: ({ data, attempt }) => {
        if (data === 'poison' && attempt < 3) throw new Error('not yet');
      },
    });
    await fixture.startLive([mended.consumer]);
    await mended.received.count(5);
    const order = mended.received.all.map(({ data, attempt }) => `${String(data)}#${attempt}`);
    expect(order.filter((entry) => !entry.startsWith('other'))).toEqual([
      'poison#1',
      'poison#2',
      'poison#3',
      'follower#1',
    ]);
    expect(order.indexOf('other#1')).toBeLessThan(order.indexOf('poison#3'));
    await expect.poll(() => fixture.redeliveries(fixture.name())).toEqual([]);
  });

  it('starves nobody: one stuck key, a thousand waiting behind it', async () => {
    const { consumer, received } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: ({ key }) => {
        if (key === 'stuck') throw new Error('stuck');
      },
      retry: { ...NOT_SOON, maxAttempts: 5 },
    });
    await fixture.startLive([consumer]);
    await fixture.database.query(
      `select smart_notify($1, '1', 'stuck') from generate_series(1, 1000)`,
      [fixture.name()],
    );
    const free = await fixture.notify('free', 'free');
    await received.until((all) => all.some(({ notificationLogId }) => notificationLogId === free));
    expect(received.all).toHaveLength(2);
    expect(await fixture.redeliveries(fixture.name())).toHaveLength(1000);
  });

  it('takes keys longer than an index entry', async () => {
    const long = 'k'.repeat(10_000);
    const { consumer, received } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: ({ attempt, data }) => {
        if (data === 1 && attempt === 1) throw new Error('once');
      },
    });
    await fixture.startLive([consumer]);
    await fixture.notify(1, long);
    await fixture.notify(2, long);
    await received.count(3);
    expect(received.all.map(({ data }) => data)).toEqual([1, 1, 2]);
  });
});
