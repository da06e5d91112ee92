import { pino } from 'pino';
import { describe, expect, expectTypeOf, test, vi } from 'vitest';
import { consumerOf } from '../../src/consumer/base-consumer.ts';
import {
  BaseConsumer,
  type BaseConsumerOptions,
  type HandlerContext,
  type JsonValue,
  Notification,
  type NotificationHandler,
} from '../../src/index.ts';

const context: HandlerContext = {
  signal: new AbortController().signal,
  logger: pino({ level: 'silent' }),
  consumer: { id: 'x', channels: ['x'] },
};

const notification = new Notification({
  notificationLogId: 1,
  channel: 'x',
  key: null,
  json: '{}',
  timestamp: 0,
  isReplay: false,
  attempt: 1,
});

class Orders extends BaseConsumer {
  static override consumerId = 'orders';
  static override channels = ['orders', 'returns'];
  static override start = 'latest';
  static override retry = { maxAttempts: 3 };
  static override handlerTimeoutSeconds = 5;

  handleNotification() {}
}

const OF_ORDERS = {
  channels: ['orders', 'returns'],
  start: 'latest',
  retry: { maxAttempts: 3 },
  handlerTimeoutSeconds: 5,
};

test('class attributes say what a consumer is', () => {
  expect(new Orders()).toMatchObject({ consumerId: 'orders', ...OF_ORDERS });
  expect(consumerOf(new Orders())).toMatchObject({ id: 'orders', ...OF_ORDERS });
});

test('a class that says nothing but its id handles captured changes from the beginning', () => {
  class Plain extends BaseConsumer {
    static override consumerId = 'plain';
    handleNotification() {}
  }
  expect(consumerOf(new Plain())).toMatchObject({
    id: 'plain',
    channels: ['data_change'],
    start: 'beginning',
    retry: undefined,
    handlerTimeoutSeconds: undefined,
  });
});

test('a class inherits the attributes of the one it extends', () => {
  class ExportedOrders extends Orders {
    static override consumerId = 'exported_orders';
  }
  class Returns extends ExportedOrders {
    static override channels = ['returns'];
  }
  expect(new ExportedOrders()).toMatchObject({ consumerId: 'exported_orders', ...OF_ORDERS });
  expect(new Returns()).toMatchObject({ consumerId: 'exported_orders', channels: ['returns'] });
  expect(new Orders().consumerId).toBe('orders');
});

test('options of the constructor override class attributes', () => {
  class Options extends Orders {
    constructor(options: BaseConsumerOptions) {
      super(options);
    }
  }
  const options = {
    consumerId: 'other',
    channels: ['others'],
    start: 'beginning',
    retry: { factor: 3 },
    handlerTimeoutSeconds: 9,
  } as const;
  expect(new Options(options)).toMatchObject(options);
  expect(new Options({ channels: ['others'] })).toMatchObject({
    consumerId: 'orders',
    channels: ['others'],
    start: 'latest',
  });
  expect(new Options({})).toMatchObject({ consumerId: 'orders', ...OF_ORDERS });
});

test.each<[object, string]>([
  [{ chanels: ['q'] }, '"chanels". Did you mean "channels"? Known are: consumerId, channels'],
  [{ channels: ['q'], maxBatchSize: 3 }, '"maxBatchSize"'],
  [{ id: 'other' }, '"id"'],
])('an option of the constructor that does not exist is an error: %j', (options, message) => {
  class Mistyped extends Orders {
    constructor() {
      super(options);
    }
  }
  expect(() => new Mistyped()).toThrow(
    expect.objectContaining({
      code: 'CONSUMER_INVALID',
      message: expect.stringContaining(`The class Mistyped has an unknown option ${message}`),
    }),
  );
});

test('a missing id is an error at construction that names the class', () => {
  class Nameless extends BaseConsumer {
    handleNotification() {}
  }
  expect(() => new Nameless()).toThrow(
    expect.objectContaining({
      code: 'CONSUMER_ID_MISSING',
      message: expect.stringContaining('Nameless'),
      hint: expect.stringContaining('static consumerId'),
    }),
  );
});

test('wrong attributes are errors at construction', () => {
  class Wrong extends Orders {
    static override channels = [''];
  }
  class AlsoWrong extends Orders {
    static override start = 'yesterday';
  }
  expect(() => new Wrong()).toThrow(expect.objectContaining({ code: 'CHANNEL_INVALID' }));
  expect(() => new AlsoWrong()).toThrow(
    expect.objectContaining({
      code: 'CONSUMER_INVALID',
      message: "The class AlsoWrong has start: \"yesterday\". Expected 'beginning' or 'latest'.",
    }),
  );
});

test('a field of the instance counts as well as a class attribute', () => {
  class Fields extends Orders {
    override readonly channels = ['fields'];
  }
  expect(consumerOf(new Fields()).channels).toStrictEqual(['fields']);
});

describe('the handler', () => {
  test('is called with the instance as this, the notification and the context', async () => {
    class Counting extends Orders {
      count = 0;
      seen: unknown[] = [];
      override async handleNotification(...parameters: unknown[]) {
        await Promise.resolve();
        this.count += 1;
        this.seen = parameters;
        return this.count;
      }
    }
    const instance = new Counting();
    const consumer = consumerOf(instance);
    expect(await consumer.handle(notification, context)).toBe(1);
    expect(await consumer.handle(notification, context)).toBe(2);
    expect(instance.seen).toStrictEqual([notification, context]);
  });

  test('may be replaced on the instance', () => {
    const instance = new Orders();
    const consumer = consumerOf(instance);
    const replacement = vi.spyOn(instance, 'handleNotification');
    consumer.handle(notification, context);
    expect(replacement).toHaveBeenCalledOnce();
  });

  test('must be there', () => {
    const instance = new Orders();
    Object.defineProperty(instance, 'handleNotification', { value: undefined });
    expect(() => consumerOf(instance)).toThrow(
      expect.objectContaining({
        code: 'CONSUMER_INVALID',
        message: expect.stringContaining('Orders has no method handleNotification'),
      }),
    );
  });
});

test('channels may be written as a list or as constants, and the payload may have a type', () => {
  interface Order {
    readonly total: number;
  }
  class Typed extends BaseConsumer<Order> {
    static override consumerId = 'typed';
    static override channels = ['a', 'b'] as const;
    handleNotification(handler: NotificationHandler<Order>) {
      expectTypeOf(handler.data).toEqualTypeOf<Order>();
    }
  }
  class Untyped extends BaseConsumer {
    static override readonly consumerId = 'untyped';
    static override readonly channels: readonly string[] = ['a'];
    static override readonly start = 'latest' as const;
    async handleNotification(handler: NotificationHandler, { signal }: HandlerContext) {
      expectTypeOf(handler.data).toEqualTypeOf<JsonValue>();
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
    }
  }
  expect(new Typed().channels).toStrictEqual(['a', 'b']);
  expect(new Untyped().start).toBe('latest');
});
