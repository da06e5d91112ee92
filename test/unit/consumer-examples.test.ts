import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { LoggingConsumer } from '../../consumers/basics/logging.ts';
import { Webhook } from '../../consumers/integrations/webhook.ts';
import { Analytics, tally } from '../../consumers/shop/analytics.ts';
import { CacheInvalidation, cache } from '../../consumers/shop/cache-invalidation.ts';
import { StockReservations, stock } from '../../consumers/shop/stock-reservations.ts';
import { consumerOf } from '../../src/consumer/base-consumer.ts';
import { discoverConsumers } from '../../src/consumer/discovery.ts';
import { Notification, type NotificationParts } from '../../src/index.ts';
import { EventLog } from '../support/event-log.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

function discoverExamples() {
  const consumers = { kind: 'globs', globs: ['consumers/**/*.ts'] } as const;
  return discoverConsumers({ root: ROOT, consumers });
}

let lastId = 0;

function notification(payload: unknown, changes: Partial<NotificationParts> = {}): Notification {
  lastId += 1;
  return new Notification({
    notificationLogId: lastId,
    channel: 'data_change',
    key: null,
    json: JSON.stringify(payload),
    timestamp: new Date('2030-01-31T12:00:00.000Z'),
    isReplay: false,
    attempt: 1,
    ...changes,
  });
}

const change = (table: string, action: string, id: unknown, old: unknown, now: unknown) => ({
  schema: 'public',
  table,
  action,
  id,
  old_data: old,
  new_data: now,
  metadata: { user_id: null, session_id: null, transaction_id: 1 },
});

/** A handler's context and the lines that it logs from the level on. */
function contextOf(id: string, level = 'info') {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line));
  const logger = pino({ level, base: null, timestamp: false }, { write });
  const abort = new AbortController();
  return {
    lines,
    abort,
    context: { signal: abort.signal, logger, consumer: { id, channels: [] } },
  };
}

test('every example is found, in several apps, and none by mistake', async () => {
  const { consumers, failures } = await discoverExamples();
  expect(failures).toStrictEqual([]);
  expect(new Set(consumers.map(({ app }) => app)).size).toBeGreaterThan(1);
  expect(consumers.map(({ consumer }) => consumer.id).sort()).toStrictEqual([
    'analytics',
    'cache_invalidation',
    'logging',
    'several_channels',
    'stock_reservations',
    'user_changes',
    'webhook',
  ]);
});

test('without configuration only the logging example says something about what arrives', async () => {
  vi.stubEnv('WEBHOOK_URL', undefined);
  onTestFinished(() => void vi.unstubAllEnvs());
  const { consumers } = await discoverExamples();
  const spoken: unknown[] = [];
  for (const { consumer } of consumers) {
    const { context, lines } = contextOf(consumer.id);
    const payloads = [
      change('users', 'INSERT', 1, null, { id: 1, email: 'a@example.com' }),
      change('users', 'UPDATE', 1, { email: 'a@example.com' }, { email: 'b@example.com' }),
      change('users', 'DELETE', 1, { id: 1 }, null),
      change('products', 'DELETE', { a: 1, b: 2 }, { id: 1 }, null),
      change('log', 'INSERT', null, null, {}),
      { event: 'test' },
      'text',
      null,
    ];
    for (const payload of consumer.channels.includes('data_change') ? payloads : []) {
      await consumer.handle(notification(payload), context);
    }
    if (lines.length > 0) spoken.push([consumer.id, lines.length]);
  }
  // The webhook says once that it is off.
  expect(spoken).toStrictEqual([
    ['logging', 8],
    ['webhook', 1],
  ]);
});

test('the logging example shows what matters of each notification', () => {
  const { context, lines } = contextOf('logging');
  const consumer = consumerOf(new LoggingConsumer());
  const updated = change(
    'users',
    'UPDATE',
    1,
    { a: 1, b: { c: [1] }, d: 1 },
    { a: 1, b: { c: [1] }, d: 2 },
  );
  consumer.handle(
    notification({ event: 'test' }, { notificationLogId: 1, channel: 'my_channel' }),
    context,
  );
  consumer.handle(notification(updated, { notificationLogId: 2, isReplay: true }), context);
  expect(lines).toStrictEqual([
    { level: 30, id: 1, channel: 'my_channel', data: { event: 'test' }, msg: 'notification' },
    {
      level: 30,
      id: 2,
      replay: true,
      table: 'users',
      row: 1,
      changed: { d: 2 },
      msg: 'row updated',
    },
  ]);
});

test('the cache example removes what a changed row makes stale, and nothing else', () => {
  const { context } = contextOf('cache_invalidation');
  const consumer = consumerOf(new CacheInvalidation());
  for (const entry of ['product:1', 'product:2', 'product:$&', 'product_catalogue']) {
    cache.set(entry, {});
  }
  consumer.handle(notification(change('products', 'UPDATE', 1, {}, {})), context);
  expect([...cache.keys()]).toStrictEqual(['product:2', 'product:$&']);
  consumer.handle(notification(change('products', 'UPDATE', '$&', {}, {})), context);
  consumer.handle(notification(change('toString', 'UPDATE', 2, {}, {})), context);
  expect([...cache.keys()]).toStrictEqual(['product:2']);
});

test('the analytics example counts each change once', () => {
  const { context } = contextOf('analytics');
  const consumer = consumerOf(new Analytics());
  tally.clear();
  const inserted = change('orders', 'INSERT', 1, null, {});
  consumer.handle(notification(inserted), context);
  consumer.handle(notification(inserted), context);
  consumer.handle(notification(inserted, { attempt: 2 }), context);
  consumer.handle(notification({ event: 'other' }), context);
  expect(Object.fromEntries(tally)).toStrictEqual({ '2030-01-31 orders INSERT': 2 });
});

describe('the example for errors', () => {
  const consumer = consumerOf(new StockReservations());
  const { context } = contextOf('stock_reservations');
  const reserve = (payload: unknown, changes = {}) =>
    consumer.handle(notification(payload, changes), context);

  test('handles each reservation once', () => {
    const before = stock.get('tea') ?? 0;
    reserve({ product: 'tea', quantity: 2 }, { notificationLogId: 1_000 });
    reserve({ product: 'tea', quantity: 2 }, { notificationLogId: 1_000, attempt: 2 });
    expect(stock.get('tea')).toBe(before - 2);
  });

  test('tries later what may become possible', () => {
    expect(() => reserve({ product: 'coffee', quantity: 50 })).toThrow(
      expect.objectContaining({ name: 'RetryableError', retryAfter: 60 }),
    );
  });

  test.each([
    null,
    'nonsense',
    {},
    { product: 'tea', quantity: -1 },
    { product: 'no', quantity: 1 },
  ])('gives up on %j', (payload) => {
    expect(() => reserve(payload)).toThrow(expect.objectContaining({ name: 'PermanentError' }));
  });
});

describe('the webhook example', () => {
  type Answer = (response: ServerResponse, request: IncomingMessage) => void;

  /** A receiver on this machine, and what it was sent. */
  async function receiver(answer: Answer) {
    const requests = new EventLog<{ body: unknown; headers: IncomingMessage['headers'] }>();
    const server = createServer(async (request, response) => {
      const body: unknown = JSON.parse(await text(request));
      requests.add({ body, headers: request.headers });
      answer(response, request);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
      vi.unstubAllEnvs();
    });
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    vi.stubEnv('WEBHOOK_URL', `http://127.0.0.1:${port}/hook`);
    return requests;
  }

  const send = (context = contextOf('webhook').context) =>
    Promise.resolve(
      consumerOf(new Webhook()).handle(
        notification(change('users', 'INSERT', 1, null, { id: 1 }), { notificationLogId: 77 }),
        context,
      ),
    );

  test('posts the notification', async () => {
    const requests = await receiver((response) => response.writeHead(204).end());
    await send();
    expect(requests.all).toMatchObject([
      {
        body: { notificationLogId: 77, channel: 'data_change', data: { table: 'users', id: 1 } },
        headers: { 'content-type': 'application/json', 'idempotency-key': 'pgwatch-77' },
      },
    ]);
  });

  test.each<[number, string | undefined, unknown]>([
    [500, undefined, undefined],
    [503, '120', 120],
    [429, 'Thu, 31 Jan 2030 12:00:00 GMT', new Date('2030-01-31T12:00:00Z')],
    [502, 'soon', undefined],
  ])('tries again after %d with Retry-After %s', async (status, header, retryAfter) => {
    await receiver((response) =>
      response.writeHead(status, header === undefined ? {} : { 'retry-after': header }).end('no'),
    );
    await expect(send()).rejects.toMatchObject({ name: 'RetryableError', retryAfter });
  });

  test.each([400, 404, 301])('gives up after %d', async (status) => {
    await receiver((response) => response.writeHead(status, { location: '/' }).end());
    await expect(send()).rejects.toMatchObject({
      name: 'PermanentError',
      message: `the webhook answered ${status}`,
    });
  });

  test('stops waiting when it is aborted', async () => {
    const requests = await receiver(() => {});
    const { abort, context } = contextOf('webhook');
    const sending = send(context);
    await requests.count(1);
    abort.abort(new Error('shutdown'));
    await expect(sending).rejects.toThrow('shutdown');
  });

  test('leaves it to the retry policy when nobody answers', async () => {
    const requests = await receiver((_response, request) => request.socket.destroy());
    await expect(send()).rejects.toThrow(TypeError);
    expect(requests.all).toHaveLength(1);
  });
});
